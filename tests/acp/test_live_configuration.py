"""The configuration file edited while the installed agent works: new prompts go by it, sessions live on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trio
from chat import TEXT
from patience import promised
from stdio_agent import Agent, backend, open_agent, prompt, until, write_config

from continuum.testing.upstream import Stream, Wait, open_upstream


def logging_to(folder: Path, level: str = "info") -> Mapping[str, Any]:
    """The test's open_agent wants nothing on stderr."""
    return {"logging": {"level": level, "file": str(folder / "agent.log")}}


def logged(folder: Path, words: str) -> bool:
    return words in (folder / "agent.log").read_text(encoding="utf-8")


def kept(folder: Path) -> list[Path]:
    return list(folder.rglob("versions.log"))


async def answered(agent: Agent, session: str, ident: int) -> None:
    await agent.send(prompt(session, ident, f"prompt {ident}"))
    assert (await agent.answer(ident))["result"]["stopReason"] == "end_turn"


async def test_new_prompts_go_by_the_edited_file(tmp_path: Path, continuum_command: str) -> None:
    gate = trio.Event()
    async with open_upstream() as one, open_upstream() as two:
        log = logging_to(tmp_path)
        async with open_agent(continuum_command, tmp_path, backend(one.url), **log) as agent:
            session = await agent.new_session()
            await answered(agent, session, 1)
            running = await agent.new_session(ident="running")
            one.push(Stream((TEXT[:3], Wait(gate), TEXT[3:])))
            await agent.send(prompt(running, 2))
            await agent.heard(TEXT[:3])
            began = trio.current_time()
            write_config(tmp_path, [backend(two.url, "c")], **log)
            await until(lambda: logged(tmp_path, "version 2 (backends)"))
            assert trio.current_time() - began < promised(1)
            await answered(agent, session, 3)
            gate.set()
            assert (await agent.answer(2))["result"]["stopReason"] == "end_turn"
            assert "".join(agent.said(session=running)) == TEXT
        (call,) = two.calls
        assert [each["content"] for each in call.json["messages"] if each["role"] == "user"] == ["prompt 1", "prompt 3"]
        assert len(one.calls) == 2


async def test_a_faulty_edit_changes_nothing_and_the_next_is_taken(tmp_path: Path, continuum_command: str) -> None:
    async with open_upstream() as upstream:
        log = logging_to(tmp_path, "error")
        async with open_agent(continuum_command, tmp_path, backend(upstream.url), **log) as agent:
            session = await agent.new_session()
            write_config(tmp_path, [backend(upstream.url)], retry={"max_attempts": 0}, **log)
            await until(lambda: logged(tmp_path, "retry.max_attempts"))
            await answered(agent, session, 1)
            write_config(tmp_path, [backend(upstream.url)], retry={"max_attempts": 2}, **logging_to(tmp_path))
            await until(lambda: logged(tmp_path, "version 2 (logging, retry)"))
            await answered(agent, session, 2)
    assert not kept(tmp_path), "stdio mode keeps no versions"
