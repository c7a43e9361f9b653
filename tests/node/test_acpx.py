"""acpx, the headless ACP client, at each point of the protocol. Cancelling is in test_acpx_cancelling.py.

Its sessions have an agent process each, and queue prompts by themselves, so two sessions in one agent are beyond it.
So are a version of its own (a constant of its SDK) and an option that was not offered (it chooses among those): there
the tap puts the one text in the place of the other, and all else is acpx's own. It prefers session/resume; a tap that
takes that ability out of the agent's greeting makes it one of the clients that load.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import mcp_server
import pytest
import trio
from acp_tap import Changes
from acpx import ANSWER, DENIED, SENT, ended, lines, open_acpx, wish
from stdio_agent import backend, open_agent, until

pytestmark = pytest.mark.node


async def test_a_prompt_is_streamed(node: str, continuum_command: str, tmp_path: Path) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        printed = await acpx.run("--format", "json", "exec", "hello")
        messages = [json.loads(line) for line in printed.splitlines()]
        assert messages[-1]["result"]["stopReason"] == "end_turn"
        chunks = acpx.updates("agent_message_chunk")
        assert len(chunks) > 1
        assert "".join(chunk["content"]["text"] for chunk in chunks) == ANSWER


async def test_an_unknown_version_is_answered_with_ours(node: str, continuum_command: str, tmp_path: Path) -> None:
    newer = {'"protocolVersion":1': '"protocolVersion":99'}
    async with open_acpx(node, continuum_command, tmp_path, to_agent=newer) as acpx:
        assert await acpx.run("--format", "quiet", "exec", "hello") == ANSWER
        ((hello, *_),) = map(lines, acpx.runs)
        (asked,) = acpx.messages("initialize", SENT)
        assert (asked["params"]["protocolVersion"], hello["result"]["protocolVersion"]) == (99, 1)


class Choice(NamedTuple):
    """What the agent is answered, what makes acpx do so, and its exit code then. changes: the tap's."""

    outcome: Mapping[str, str]
    options: Sequence[str]
    code: int = DENIED
    changes: Changes | None = None


def selected(option: str) -> dict[str, str]:
    return {"outcome": "selected", "optionId": option}


CHOICES: Mapping[str, Choice] = {
    "allowed": Choice(selected("allow_once"), ["--approve-all"], 0),
    "rejected": Choice(selected("reject_once"), ["--deny-all"]),
    "cancelled": Choice({"outcome": "cancelled"}, ["--non-interactive-permissions", "fail"]),
    "unknown": Choice(selected("no such"), ["--approve-all"], 0, {'"optionId":"allow_once"': '"optionId":"no such"'}),
}


@pytest.mark.parametrize("choice", CHOICES)
async def test_permission(choice: str, node: str, continuum_command: str, tmp_path: Path) -> None:
    outcome, options, code, changes = CHOICES[choice]
    (tmp_path / "a.txt").write_text("x")
    allowed = choice == "allowed"
    async with open_acpx(node, continuum_command, tmp_path, to_agent=changes) as acpx:
        await acpx.run(*options, "exec", wish(("delete_file", {"path": "a.txt"})), code=code)
        assert len(acpx.messages("session/request_permission")) == 1
        (answer,) = (each["result"] for run in acpx.runs for each in lines(run.with_suffix(SENT)) if "result" in each)
        assert answer["outcome"] == outcome
        statuses = [call["status"] for kind in ("tool_call", "tool_call_update") for call in acpx.updates(kind)]
        assert statuses == (["pending", "in_progress", "completed"] if allowed else ["pending", "failed"])
        (told,) = (each["content"] for each in acpx.upstream.calls[-1].json["messages"] if each["role"] == "tool")
        assert ("Deleted" in told) if allowed else (told == "Not done: the user does not allow it")
    assert (tmp_path / "a.txt").exists() is not allowed


async def test_files_terminals_and_mcp(node: str, continuum_command: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("on disk")
    server = {"name": "double", "command": sys.executable, "args": [mcp_server.__file__, "none"], "env": []}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": [server]}))
    wanted = wish(
        ("read_file", {"path": "f"}),
        ("edit_file", {"path": "f", "old_text": "on", "new_text": "off"}),
        ("run_command", {"command": "echo hello"}),
        ("double__echo", {"text": "hi"}),
    )
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        mcp = ("--mcp-config", str(tmp_path / "mcp.json"))
        said = await acpx.run("--approve-all", *mcp, "--format", "quiet", "exec", wanted)
        assert json.loads(said) == [
            "on disk",
            f"Changed {tmp_path}/f",
            "hello\n(exit status 0)",
            "you said hi",
        ]
        assert acpx.messages("fs/read_text_file")
        assert [each["params"]["content"] for each in acpx.messages("fs/write_text_file")] == ["off disk"]
        assert len(acpx.messages("terminal/create")) == len(acpx.messages("terminal/release")) == 1
        assert any("terminalId" in json.dumps(each) for each in acpx.messages("session/update"))  # embedded
    assert (tmp_path / "f").read_text() == "off disk"


async def test_two_sessions_at_once_and_a_prompt_that_waits_for_another(
    node: str, continuum_command: str, tmp_path: Path
) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        said: dict[str, str] = {}

        async def prompt(name: str, text: str) -> None:
            said[text] = await acpx.run("--format", "quiet", "prompt", "-s", name, text)

        for name in ("one", "other"):
            await acpx.run("sessions", "new", "--name", name)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(prompt, "one", "slow")
            await acpx.upstream.next_call()
            await acpx.run("prompt", "-s", "one", "--no-wait", "recall")
            await prompt("other", "open")
        assert (said["slow"], said["open"]) == ("slow end", "open")
        await until(lambda: len(acpx.wishes.heard) == 3)
        assert acpx.wishes.heard == ["slow", "open", "recall"]
        told = [(each["role"], each["content"]) for each in acpx.upstream.calls[-1].json["messages"]]
        assert told == [("user", "slow"), ("assistant", "slow end"), ("user", "recall")]


@pytest.mark.parametrize("method", ["session/resume", "session/load"])
async def test_a_cancel_and_a_session_that_goes_on_in_another_process(
    method: str, node: str, continuum_command: str, tmp_path: Path
) -> None:
    """Loading replays what was said, half an answer, too; resuming does not. Either way it is known."""
    changes = {'"resume":{}': '"unknown":{}'} if method == "session/load" else None
    async with open_acpx(node, continuum_command, tmp_path, to_client=changes) as acpx:
        await acpx.run("sessions", "new", "--name", "lasting")
        with acpx.start("prompt", "-s", "lasting", "half"):
            call = await acpx.upstream.next_call()
            await acpx.run("cancel", "-s", "lasting")
            await call.aborted()
        before = set(acpx.runs)
        for run in before:
            await ended(run)
        said = await acpx.run("--format", "quiet", "prompt", "-s", "lasting", "recall")
        assert json.loads(said) == [["user", "half"], ["assistant", "half"], ["user", "recall"]]
        (run,) = set(acpx.runs) - before
        (ident,) = (each["id"] for each in lines(run.with_suffix(SENT)) if each.get("method") == method)
        said_first = lines(run)[: [each.get("id") for each in lines(run)].index(ident)]
        updates = [each["params"]["update"] for each in said_first if each.get("method") == "session/update"]
        replayed = [(each["sessionUpdate"], each["content"]["text"]) for each in updates if "content" in each]
        whole = [("user_message_chunk", "half"), ("agent_message_chunk", "half")]
        assert replayed == (whole if method == "session/load" else [])


async def test_a_client_that_dies_ends_the_turn_and_the_agent(
    node: str, continuum_command: str, tmp_path: Path
) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        with acpx.start("exec", "half") as client:
            call = await acpx.upstream.next_call()
            client.kill()
        await call.aborted()
        (run,) = acpx.runs
        await ended(run)


async def test_sessions_are_listed_by_pages(node: str, continuum_command: str, tmp_path: Path) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        made: set[str] = set()
        async with open_agent(continuum_command, tmp_path, backend(acpx.upstream.url)) as agent:
            for number in range(51):
                session = await agent.new_session(str(tmp_path), f"session-{number}")
                text = [{"type": "text", "text": "/help"}]  # what nobody spoke in is not listed
                await agent.call(f"turn-{number}", "session/prompt", sessionId=session, prompt=text)
                made.add(session)
        first = json.loads(await acpx.run("--format", "json", "sessions", "list"))
        more = ("--cursor", first["nextCursor"])
        second = json.loads(await acpx.run("--format", "json", "sessions", "list", *more))
        listed = [each["sessionId"] for page in (first, second) for each in page["sessions"]]
        assert (len(first["sessions"]), len(listed), set(listed)) == (50, 51, made)
