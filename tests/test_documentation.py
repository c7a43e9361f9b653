"""What the documentation shows is true: its links lead somewhere, its blocks are valid, its commands exist, and the
quick starts do what they say.
"""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import trio
import yaml
from chat import MODEL, ask, asked, client_of
from command import continuum
from patience import PATIENCE_S
from serving import open_router

from continuum.cli.app import app
from continuum.config import from_mapping
from continuum.config.facts import Facts
from continuum.testing.upstream import open_upstream

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
VARIABLE = re.compile(r"\$\{(\w+)\}")


class Block(NamedTuple):
    """A fenced block."""

    page: str
    language: str
    text: str


def blocks(*languages: str) -> list[Block]:
    return [
        Block(page.name, language, text)
        for page in PAGES
        for language, text in FENCED.findall(page.read_text(encoding="utf-8"))
        if language in languages
    ]


def named(block: Block) -> str:
    return f"{block.page}-{block.text.splitlines()[0][:40]}"


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        there = page.parent / path if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("block", blocks("yaml"), ids=named)
def test_yaml_is_what_it_says(block: Block, tmp_path: Path) -> None:
    shown: dict[str, Any] = yaml.safe_load(VARIABLE.sub("value-of-a-variable", block.text))
    if "scrape_configs" in shown:  # Prometheus' own
        return
    if "models" in shown:
        file = tmp_path / "models.yaml"
        file.write_text(block.text, encoding="utf-8")
        assert Facts.load(file).models.keys() > shown["models"].keys()
    else:
        from_mapping(shown)


@pytest.mark.parametrize("block", blocks("json"), ids=named)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=named)
def test_python_is_python(block: Block) -> None:
    ast.parse(block.text)


def commands() -> Iterator[tuple[str, list[str]]]:
    for block in blocks("sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == "continuum":
                yield f"{block.page}: {line}", words[1:]


@pytest.mark.parametrize("words", [words for _, words in commands()], ids=[line for line, _ in commands()])
def test_commands_exist(words: list[str]) -> None:
    """Each word that can be a command is one, each option one of the commands named before it."""
    command: click.Command = app
    context = click.Context(app, info_name="continuum")
    options = {name for parameter in app.params for name in parameter.opts}
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in options, word
        elif isinstance(command, click.Group) and (found := command.get_command(context, word)) is not None:
            command = found
            options |= {name for parameter in command.params for name in parameter.opts}
    assert not isinstance(command, click.Group) or any(word.startswith("-") for word in words)


def quick_start(heading: str, language: str) -> list[str]:
    """The blocks below a heading of the quick starts."""
    text = (ROOT / "docs/quick-starts.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    return [block for kind, block in FENCED.findall(text.partition("\n## ")[0]) if kind == language]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
async def test_the_quick_start_of_a_fleet(tmp_path: Path) -> None:
    """Its configuration before two real servers, its curl lines as they stand, but for addresses."""
    (shown,) = quick_start("In front of a fleet", "yaml")
    *_, requests = quick_start("In front of a fleet", "sh")
    key = {"SEARCH_TEAM_KEY": "sk-search-team-4711"}
    async with open_upstream() as one, open_upstream() as two:
        text = shown.replace("http://10.0.0.11:8000", one.url).replace("http://10.0.0.12:8000", two.url)
        text = text.replace("127.0.0.1:8080", "127.0.0.1:0").replace("llama-*", "*")
        (tmp_path / "continuum.yaml").write_text(text, encoding="utf-8")
        checked = await continuum(tmp_path, "config", "check", "continuum.yaml", environ=key)
        assert checked.returncode == 0, checked.stderr
        async with open_router(tmp_path, text, **key) as router:
            lines = requests.replace("http://127.0.0.1:8080", router.url).replace("llama-3.3-70b", MODEL)
            curled = [line for line in lines.replace("\\\n", " ").splitlines() if line.startswith("curl")]
            answers = [await curl(line, key) for line in curled]
            async with client_of(router.url) as client:
                assert (await ask(client, asked())).status == 401
    assert b"data: [DONE]" in answers[0]
    assert json.loads(answers[1]) == {"status": "ready"}
    assert b"continuum_requests_total{" in answers[2]


async def curl(line: str, environ: dict[str, str]) -> bytes:
    done = await run(["sh", "-c", line.replace("curl ", "curl -sS --noproxy '*' ", 1)], environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def run(command: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    with trio.fail_after(PATIENCE_S):
        return await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, env={**os.environ, **environ}
        )


async def test_the_quick_start_of_a_service(tmp_path: Path) -> None:
    (shown,) = quick_start("In your own service", "python")
    async with open_upstream() as upstream:
        program = tmp_path / "service.py"
        text = shown.replace("http://127.0.0.1:8081", upstream.url).replace("llama-3.3-70b", MODEL)
        program.write_text(text, encoding="utf-8")
        done = await run([sys.executable, str(program)], {})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.strip()


async def test_the_quick_start_of_an_editor(tmp_path: Path) -> None:
    """Its commands in their order, on a machine that has a key and its house."""
    async with open_upstream() as upstream:
        environ = {"OPENAI_API_KEY": "sk-editor-4711", "OPENAI_BASE_URL": upstream.url}
        lines = quick_start("In your editor", "sh")[0].splitlines()
        answers: list[bytes] = []
        for line in lines:
            done = await continuum(tmp_path, *shlex.split(line, comments=True)[1:], environ=environ)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            answers.append(done.stdout)
    assert answers[-1].strip()
