"""MCP servers of a session: their tools are called; one that dies, floods or lies is disabled, the session lives."""

import os
import sys
from pathlib import Path
from typing import Any

import mcp_server
import pytest
import trio
from acp_peer import ScriptedHost, text_answer
from acp_schema import hold_to_schema
from desk import call, calls, open_desk, results, told
from patience import PATIENCE_S, promised

from continuum.testing.ide import Ide, open_ide
from continuum.testing.upstream import Stream, open_upstream

PROGRAM = str(Path(mcp_server.__file__))
ALLOW: dict[str, Any] = {"permissions": {"default_policy": "allow", "always_ask": []}}


def server(fault: str = "none", name: str = "double", pid_file: Path | None = None, **env: str) -> dict[str, Any]:
    args = [PROGRAM, fault, *([str(pid_file)] if pid_file else [])]
    variables = [{"name": key, "value": value} for key, value in env.items()]
    return {"name": name, "command": sys.executable, "args": args, "env": variables}


def host(*answers: Any) -> ScriptedHost:
    scripted = ScriptedHost()
    scripted.answers.extend(answers)
    return scripted


async def ask(ide: Ide, cwd: Path, *servers: dict[str, Any]) -> str:
    session = await ide.new_session(str(cwd), mcpServers=list(servers))
    assert await ide.prompt(session) == {"stopReason": "end_turn"}
    return session


def running(pid_file: Path) -> list[int]:
    """Which of the servers that were started are still there."""
    return [pid for pid in map(int, pid_file.read_text().split()) if Path(f"/proc/{pid}").exists()]


async def test_a_tool_is_called_and_asks_first(tmp_path: Path) -> None:
    scripted = host(calls(call("double__echo", text="hello")), text_answer("ok"))
    async with open_desk(scripted) as ide:
        ide.permissions.answers.append("allow_once")
        await ask(ide, tmp_path, server())
        shown = ide.tool_call("c1")
        assert (shown["kind"], shown["title"]) == ("other", "double: echo")
        assert shown["statuses"] == ["pending", "in_progress", "completed"]
        assert len(ide.permissions.asked) == 1
    assert told(scripted) == "you said hello"
    offered = {tool.name: tool for tool in scripted.requests[0].tools}
    assert offered["double__echo"].parameters == {"type": "object", "properties": {"text": {"type": "string"}}}


async def test_always_means_the_same_arguments(tmp_path: Path) -> None:
    wanted = [call("double__echo", id=f"c{number}", text=text) for number, text in enumerate("aab")]
    scripted = host(calls(*wanted), text_answer("ok"))
    async with open_desk(scripted) as ide:
        ide.permissions.answers.extend(["allow_always", "reject_once"])
        await ask(ide, tmp_path, server())
        assert [params["toolCall"]["toolCallId"] for params in ide.permissions.asked] == ["c0", "c2"]


async def test_an_error_of_the_tool_is_told(tmp_path: Path) -> None:
    scripted = host(calls(call("double__fail")), text_answer("ok"))
    async with open_desk(scripted, acp=ALLOW) as ide:
        await ask(ide, tmp_path, server())
        assert ide.tool_call("c1")["statuses"][-1] == "failed"
    assert results(scripted.requests[1].messages)["c1"].is_error


async def test_servers_know_no_keys_but_what_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret")
    scripted = host(calls(call("double__environment")), text_answer("ok"))
    async with open_desk(scripted, acp=ALLOW) as ide:
        await ask(ide, tmp_path, server(GIVEN="yes"))
    assert "sk-secret" not in told(scripted)
    assert '"GIVEN": "yes"' in told(scripted)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("ends", "ended with status 7: no licence"),
        ("closes", "closed its output"),
        ("noise", "no MCP message"),
        ("flood", "floods"),
        ("wrong_ids", "answers what it was not asked"),
        ("huge_list", "too long"),
        ("endless_list", "too long"),
        ("endless_line", "a line without end"),
    ],
)
async def test_a_faulty_server_is_disabled_and_the_session_lives(fault: str, reason: str, tmp_path: Path) -> None:
    scripted = host(calls(call("good__echo", text="x")), text_answer("ok"))
    pids = tmp_path / "pids"
    async with open_desk(scripted, acp=ALLOW) as ide:
        await ask(ide, tmp_path, server(fault, "bad", pids), server("none", "good", pids))
        thoughts = ide.said("agent_thought_chunk")
        assert thoughts.startswith("The MCP server bad is disabled: ")
        assert reason in thoughts
    assert told(scripted) == "you said x"
    assert not [tool.name for tool in scripted.requests[0].tools if tool.name.startswith("bad")]
    assert running(pids) == []


async def test_a_server_that_ends_in_a_call(tmp_path: Path) -> None:
    scripted = host(calls(call("double__echo", text="x")), text_answer("ok"))
    async with open_desk(scripted, acp=ALLOW) as ide:
        with trio.fail_after(PATIENCE_S):
            await ask(ide, tmp_path, server("ends_in_call"))
        assert "disabled: it ended with status 3: out of memory" in ide.said("agent_thought_chunk")
    assert "failed" in told(scripted)
    assert "double__echo" not in {tool.name for tool in scripted.requests[1].tools}


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    scripted = host(text_answer("ok"))
    async with open_desk(scripted) as ide:
        await ask(ide, tmp_path, {"name": "x", "command": "/no/such/program", "args": [], "env": []}, {"name": ""})
        assert "The MCP server x is disabled: cannot be started: No such file" in ide.said("agent_thought_chunk")


async def test_cancel_while_a_server_hangs_at_its_start_and_inside_a_call(tmp_path: Path) -> None:
    scripted = host(calls(call("double__slow")), text_answer("ok"))
    pids = tmp_path / "pids"
    async with open_desk(scripted, acp=ALLOW) as ide:
        hanging = await ide.new_session(str(tmp_path), mcpServers=[server("hang", pid_file=pids)])
        end = await ide.start_prompt(hanging, "x")
        with trio.fail_after(promised(1)):
            await ide.cancel(hanging)
            assert await end() == {"stopReason": "cancelled"}
        session = await ide.new_session(str(tmp_path), mcpServers=[server(pid_file=pids)])
        end = await ide.start_prompt(session, "x")
        await ide.seen(lambda ide: ide.tool_call("c1")["statuses"] == ["pending", "in_progress"])
        with trio.fail_after(promised(1)):
            await ide.cancel(session)
            assert await end() == {"stopReason": "cancelled"}
        assert ide.tool_call("c1")["statuses"][-1] == "failed"
        assert await ide.prompt(session) == {"stopReason": "end_turn"}
    assert running(pids) == []


async def test_servers_of_the_configuration_and_the_switch(tmp_path: Path) -> None:
    configured: dict[str, Any] = {
        "name": "conf",
        "command": sys.executable,
        "args": [PROGRAM, "none"],
        "env": {"GIVEN": "secret"},
    }
    scripted = host(calls(call("conf__environment")), text_answer("ok"))
    async with open_desk(scripted, acp={**ALLOW, "mcp_servers": [configured]}) as ide:
        await ask(ide, tmp_path)
    assert '"GIVEN": "secret"' in told(scripted)
    scripted = host(text_answer("ok"))
    off: dict[str, Any] = {"mcp_servers": [configured], "capabilities": {"mcp": False}}
    async with open_desk(scripted, acp=off) as ide:
        await ask(ide, tmp_path, server())
        assert "acp.capabilities.mcp is false" in ide.said("agent_thought_chunk")


async def test_without_the_extra_the_command_that_installs_it_is_told(tmp_path: Path) -> None:
    """The real process, in an interpreter that cannot import mcp."""
    hidden = "import runpy, sys; sys.modules.update(mcp=None, mcp_types=None); "
    program = f"{hidden}runpy.run_module('continuum', None, '__main__', alter_sys=True)"
    config = tmp_path / "continuum.yaml"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    async with open_upstream() as upstream:
        upstream.push(Stream(("done",)))
        config.write_text(f"backends: [{{name: b, type: generic, url: '{upstream.url}/v1', models: [m]}}]\n")
        command = [sys.executable, "-c", program, "--mode", "stdio", "--config", str(config)]
        with trio.fail_after(PATIENCE_S):
            async with open_ide(command, cwd=str(tmp_path), environment=env) as ide:
                await ide.prompt(await ide.new_session(str(tmp_path), mcpServers=[server()]))
    for message in ide.messages:
        hold_to_schema(message, ide.asked)
    assert ide.said() == "done"
    assert "left out: install them with `pip install 'continuum-router[mcp]'`" in ide.said("agent_thought_chunk")


async def test_servers_start_once_and_end_with_the_session(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    scripted = host(*[text_answer("ok")] * 3)
    async with open_desk(scripted, acp={"sessions": {"max_concurrent": 1}}) as ide:
        session = await ask(ide, tmp_path, server(pid_file=pids))
        await ide.prompt(session)
        (pid,) = running(pids)
        process = os.pidfd_open(pid)
        try:
            await ide.new_session(str(tmp_path))  # takes its place
            with trio.fail_after(PATIENCE_S):
                await trio.lowlevel.wait_readable(process)
        finally:
            os.close(process)
