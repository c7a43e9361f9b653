"""docs/embedding.md: each block of code is run as it stands, against a scripted upstream in OpenAI's place."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
import pytest
import trio
from hosts import served_on_asyncio
from patience import PATIENCE_S
from ports import free_port
from serving import backend, config

from continuum.testing.upstream import open_upstream

MODEL = "gpt-4o-mini"
TEXT = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text(encoding="utf-8")


class Block(NamedTuple):
    """kind: how it is run. path: what it answers, where it serves."""

    kind: str
    path: str
    code: str


BLOCKS = [Block(*found) for found in re.findall(r"<!-- (\w+) ?(\S*) -->\n```python\n(.*?)```", TEXT, re.DOTALL)]


def test_every_block_is_run() -> None:
    assert len(BLOCKS) == TEXT.count("```python") > 5
    assert {block.kind for block in BLOCKS} == {"run", "serves", "asyncio"}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
async def test_a_block(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    block = BLOCKS[number]
    monkeypatch.chdir(tmp_path)
    port = free_port()
    async with open_upstream(models=(MODEL,)) as upstream:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-docs")
        monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
        file = config(backend(upstream.url, models=[MODEL]), health_checks={"enabled": True})
        (tmp_path / "continuum.yaml").write_text(json.dumps(file))  # JSON is YAML
        code = block.code.replace("https://api.openai.com", upstream.url).replace("127.0.0.1:8080", f"127.0.0.1:{port}")
        names: dict[str, Any] = {"__name__": "block"}
        await trio.to_thread.run_sync(exec, compile(code, f"embedding.md, block {number}", "exec"), names)
        await RUNS[block.kind](names, f"http://127.0.0.1:{port}", block.path)
    said = capsys.readouterr().out
    assert said.strip() or block.kind != "run"
    assert not re.search("^(later|cut):", said, re.MULTILINE)


async def run(names: Mapping[str, Any], url: str, path: str) -> None:
    del url, path
    await names["main"]()


async def serves(names: Mapping[str, Any], url: str, path: str) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(names["main"])
        await answers(f"{url}{path}")
        nursery.cancel_scope.cancel()


async def on_asyncio(names: Mapping[str, Any], url: str, path: str) -> None:
    del url
    async with served_on_asyncio(names["app"]) as host:
        await answers(f"{host.url}{path}")


async def answers(url: str) -> None:
    """Return once there is the list of models."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        with trio.fail_after(PATIENCE_S):
            while True:
                try:
                    answer = await client.get(url)
                except httpx.ConnectError:
                    await trio.sleep(0.05)  # it is being started
                else:
                    break
    assert [model["id"] for model in answer.raise_for_status().json()["data"]] == [MODEL]


RUNS = cast(
    "dict[str, Callable[[Mapping[str, Any], str, str], Awaitable[None]]]",
    {"run": run, "serves": serves, "asyncio": on_asyncio},
)
