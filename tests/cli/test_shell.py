"""The command line in a shell: completion, tables on a terminal and in a pipe, and what starting it costs."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from command import KEPT_VARIABLES
from patience import PATIENCE_S

from continuum.cli.commands import COMMANDS

FILE = """\
backends:
  - {name: alpha, url: "http://127.0.0.1:9", models: [one, two, {id: three, upstream: x}]}
  - {name: beta, url: "http://127.0.0.1:9"}
routing: {aliases: {twin: two}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "continuum.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


def environ(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, "HOME": str(home), **more}


def completions(home: Path, line: str) -> list[str]:
    """What a shell is offered for the last word of a line."""
    words = line.split(" ")
    asked = {"_CONTINUUM_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-m", "continuum"]
    done = subprocess.run(
        command, env=environ(home, asked), cwd=home, capture_output=True, timeout=PATIENCE_S, check=True
    )
    assert done.stderr == b""
    return [answer.partition(",")[2] for answer in done.stdout.decode().split()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("continuum ", list(COMMANDS)),
        ("continuum backends ", ["list", "probe"]),
        ("continuum backends probe ", ["alpha", "beta"]),
        ("continuum backends probe alpha ", ["beta"]),
        ("continuum -c continuum.yaml run -m t", ["three", "twin", "two"]),
        ("continuum backends probe -c broken.yaml ", []),
        ("continuum completion ", ["bash", "zsh", "fish"]),
        ("continuum --mode h", ["http"]),
        ("continuum models --js", ["--json"]),
    ],
)
def test_what_a_shell_is_offered(folder: Path, line: str, offered: list[str]) -> None:
    (folder / "broken.yaml").write_text("server: [")
    assert completions(folder, line) == offered


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes(folder: Path, continuum_command: str) -> None:
    script = """
        eval "$(continuum completion bash)"
        COMP_WORDS=(continuum backends probe al) COMP_CWORD=3
        $(complete -p continuum | sed 's/.*-F //; s/ .*//') continuum al probe
        echo "${COMPREPLY[@]}"
    """
    path = f"{Path(continuum_command).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env=environ(folder, {"PATH": path}),
        cwd=folder,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.stdout, done.stderr) == (b"alpha\n", b"")


def on_a_terminal(home: Path, *arguments: str, **more: str) -> str:
    """What a command prints on a terminal 80 columns wide."""
    ours, theirs = pty.openpty()
    wide = {"TERM": "xterm-256color", "COLUMNS": "80", "LANG": "C.UTF-8", **more}
    command = [sys.executable, "-m", "continuum", *arguments]
    with subprocess.Popen(command, env=environ(home, wide), cwd=home, stdin=theirs, stdout=theirs) as child:
        os.close(theirs)
        pieces: list[bytes] = []
        try:
            while piece := os.read(ours, 65536):
                pieces.append(piece)
        except OSError:
            pass  # the other side is closed: that is how a terminal ends
        child.wait(PATIENCE_S)
    os.close(ours)
    return b"".join(pieces).decode().replace("\r\n", "\n")


def test_a_table_on_a_terminal_is_drawn_and_fits(folder: Path) -> None:
    drawn = on_a_terminal(folder, "backends", "list")
    assert "\x1b[" in drawn
    assert "───" in drawn
    plain = click.unstyle(drawn)
    assert all(len(line) <= 80 for line in plain.splitlines())
    assert "alpha" in plain


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_colour_gets_what_a_pipe_gets(folder: Path, more: dict[str, str]) -> None:
    assert on_a_terminal(folder, "backends", "list", **more) == (
        "NAME   TYPE     MODELS  KEYS  WEIGHT    URL\n"
        "alpha  generic  3       0     1         http://127.0.0.1:9\n"
        "beta   generic  asked   0     1         http://127.0.0.1:9\n"
    )


def test_every_command_is_where_its_row_says() -> None:
    for name, row in COMMANDS.items():
        command = row.load()
        assert command.name == name
        assert command.help


@pytest.mark.parametrize("asked", [{"arguments": "--help"}, {"arguments": "--version"}, {"completing": "continuum mo"}])
def test_what_needs_no_command_loads_none(tmp_path: Path, asked: dict[str, str]) -> None:
    """Help, the version and a completed command name come without pydantic, trio or rich."""
    script = (
        "import sys, atexit, continuum.cli.main as m; atexit.register(lambda: print('loaded', *sorted("
        "{'pydantic', 'trio', 'rich', 'quart', 'httpx', 'yaml'} & set(sys.modules)), file=sys.stderr));"
        "sys.argv = ['continuum', *sys.argv[1:]]; m.main()"
    )
    words = asked.get("completing", "")
    more = {"_CONTINUUM_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "1"} if words else {}
    arguments = [asked["arguments"]] if "arguments" in asked else []
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(
        command, env=environ(tmp_path, more), cwd=tmp_path, capture_output=True, timeout=PATIENCE_S, check=True
    )
    assert done.stdout
    assert done.stderr == b"loaded\n"
