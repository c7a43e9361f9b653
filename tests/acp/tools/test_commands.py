"""Commands: bounded, timed, ended with all they started; in the client's terminal where it has them."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
import trio
from acp_peer import ScriptedHost, agent, text_answer
from desk import ALL, call, calls, open_desk, results, told
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE_S, promised
from proc import processes

from continuum.acp.tools.execute import split
from continuum.acp.tools.output import BoundedOutput
from continuum.testing.ide import Ide

ALLOW: dict[str, Any] = {"permissions": {"default_policy": "allow", "always_ask": []}}


def host(*wanted: tuple[str, str, str]) -> ScriptedHost:
    scripted = ScriptedHost()
    scripted.answers.extend([*(calls(one) for one in wanted), text_answer("ok")])
    return scripted


async def run(
    command: str, folder: Path, *, acp: dict[str, Any] | None = None, abilities: tuple[str, ...] = ()
) -> tuple[str, dict[str, Any]]:
    """What the model is told about a command that the user allows, and how the client shows it."""
    scripted = host(call("run_command", command=command))
    async with open_desk(scripted, abilities=abilities, acp=acp) as ide:
        ide.permissions.default = "allow_once"
        await ide.prompt(await ide.new_session(str(folder)))
        shown = ide.tool_call("c1")
        shown["desk"] = ide.desk
        shown["asked"] = ide.permissions.asked
    return told(scripted), shown


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo 'a b' c", "a b c\n(exit status 0)"),
        ("pwd", "{folder}\n(exit status 0)"),
        ("false", "(exit status 1)"),
        ("echo $((1+1)) | tr 2 x", "x\n(exit status 0)"),
        ("no_such_program_at_all", "cannot be run: No such file"),
        ("cat", "(exit status 0)"),
        ("echo 'unbalanced", "(exit status 2)"),
    ],
)
async def test_here(command: str, said: str, tmp_path: Path) -> None:
    text, shown = await run(command, tmp_path)
    assert said.format(folder=tmp_path) in text
    assert shown["kind"] == "execute"
    assert shown["rawInput"] == {"command": command}
    assert len(shown["asked"]) == 1


async def test_commands_know_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GITHUB_TOKEN", "MY_HOME", "SECRET_HOME", "ANYTHING"):
        monkeypatch.setenv(name, f"value-of-{name}")
    text, _ = await run("env", tmp_path)
    assert "value-of-MY_HOME" in text
    assert text.count("value-of-") == 1


async def test_a_hundred_megabytes_are_kept_in_bounds(tmp_path: Path) -> None:
    text, shown = await run("sh -c 'echo first; yes | head -c 100000000; echo last'", tmp_path)
    kept = shown["content"][0]["content"]["text"]
    assert len(kept) <= 1024 * 1024 + 200
    assert kept.startswith("first\n")
    assert "last\n(exit status 0)" in kept
    assert "truncated" in kept
    assert shown["rawOutput"] == {"exitCode": 0, "truncated": True}
    assert len(text) < 60_000


def text_of(ide: Ide) -> str:
    """What the client shows of the call's output."""
    return "".join(each["content"]["text"] for each in ide.tool_call("c1").get("content", []))


@pytest.mark.parametrize(("before", "shown"), [("echo first", "first\n"), ("yes | head -c 5000000", "y\ny\n")])
async def test_output_is_shown_while_it_comes(before: str, shown: str, tmp_path: Path) -> None:
    scripted = host(call("run_command", command=f"{before}; until [ -e go ]; do sleep 0.02; done; echo last"))
    async with open_desk(scripted) as ide:
        ide.permissions.default = "allow_once"
        session = await ide.new_session(str(tmp_path))
        began = time.monotonic()
        end = await ide.start_prompt(session, "x")
        await ide.seen(lambda ide: shown in text_of(ide))
        assert ide.tool_call("c1")["statuses"] == ["pending", "in_progress"]
        assert len(text_of(ide)) < 10_000
        (tmp_path / "go").touch()
        assert await end() == {"stopReason": "end_turn"}
        assert text_of(ide).endswith("last\n(exit status 0)")
        showings = [each for each in ide.updates if each["update"].get("toolCallId") and each["update"].get("content")]
        assert len(showings) <= 2 + (time.monotonic() - began) / 0.5  # and not one for each piece


@pytest.mark.parametrize(
    "command", ["sleep 1{marker}", "sh -c 'trap \"\" TERM; sleep 1{marker} & sleep 1{marker}; sleep 1{marker}'"]
)
async def test_a_command_that_never_ends_meets_its_limit(command: str, tmp_path: Path) -> None:
    marker = f"{os.getpid()}{time.monotonic_ns() % 10**6}"
    acp = {"tools": {"command_timeout": "300ms"}}
    text, shown = await run(command.replace("{marker}", marker), tmp_path, acp=acp)
    assert "stopped after 0.3 s" in text
    assert shown["statuses"][-1] == "failed"
    assert processes(marker) == {}


async def test_what_a_command_leaves_behind_goes_with_it(tmp_path: Path) -> None:
    marker = f"9{os.getpid()}"
    with trio.fail_after(PATIENCE_S):
        text, _ = await run(f"sh -c 'sleep {marker} & echo done'", tmp_path)
    assert text.startswith("done")
    assert processes(f"sleep {marker}") == {}


async def test_cancel_ends_the_group_within_a_second(tmp_path: Path) -> None:
    marker = f"8{os.getpid()}"
    scripted = host(call("run_command", command=f"sh -c 'trap \"\" TERM; sleep {marker}; sleep {marker}'"))
    async with open_desk(scripted) as ide:
        ide.permissions.default = "allow_once"
        session = await ide.new_session(str(tmp_path))
        end = await ide.start_prompt(session, "x")
        with trio.fail_after(PATIENCE_S):
            while not processes(f"sleep {marker}"):
                await trio.lowlevel.checkpoint()
        with trio.fail_after(promised(1)):
            await ide.cancel(session)
            assert await end() == {"stopReason": "cancelled"}
        assert processes(f"sleep {marker}") == {}
        assert ide.tool_call("c1")["statuses"] == ["pending", "in_progress", "failed"]
        assert await ide.prompt(session) == {"stopReason": "end_turn"}
    assert "Stopped before its end" in told(scripted)


async def test_the_clients_terminal_is_embedded_and_released(tmp_path: Path) -> None:
    text, shown = await run("echo 'a b'", tmp_path, abilities=ALL)
    desk = shown["desk"]
    assert text == "a b\n(exit status 0)"
    assert shown["content"] == [{"type": "terminal", "terminalId": "term_1"}]
    terminal = desk.terminals["term_1"]
    assert (terminal.command, terminal.released) == (["echo", "a b"], True)
    assert terminal.params["outputByteLimit"] == 1024 * 1024
    assert terminal.params["cwd"] == str(tmp_path)


async def test_a_terminal_at_its_limit_is_killed_and_released(tmp_path: Path) -> None:
    acp = {"tools": {"command_timeout": "2s"}}
    text, shown = await run("sh -c 'echo begun; exec sleep 60'", tmp_path, abilities=ALL, acp=acp)
    assert "begun\n(stopped after 2 s" in text
    terminal = shown["desk"].terminals["term_1"]
    assert terminal.killed
    assert terminal.released


@pytest.mark.parametrize("late", [False, True])
async def test_cancel_releases_the_terminal_even_one_that_comes_late(late: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    scripted = host(call("run_command", command="sleep 60"))
    async with open_desk(scripted, abilities=ALL, acp=ALLOW) as ide:
        if late:
            ide.desk.before_terminal = trio.Event()
        session = await ide.new_session(str(tmp_path))
        end = await ide.start_prompt(session, "x")
        if late:  # of a terminal that is not answered yet no message tells
            with trio.fail_after(PATIENCE_S):
                while "term_1" not in ide.desk.terminals:
                    await trio.lowlevel.checkpoint()
        else:
            await ide.seen(lambda ide: bool(ide.tool_call("c1").get("content")))
        with trio.fail_after(promised(1)):
            await ide.cancel(session)
            assert await end() == {"stopReason": "cancelled"}
        if ide.desk.before_terminal is not None:
            ide.desk.before_terminal.set()
        with trio.fail_after(PATIENCE_S):
            while not ide.desk.terminals["term_1"].released:
                await trio.lowlevel.checkpoint()
    assert ide.desk.terminals["term_1"].killed


async def test_a_terminal_that_is_made_in_the_moment_of_a_cancel_is_released(tmp_path: Path) -> None:
    """The cancel and the terminal's id come in one piece."""
    hello = {"protocolVersion": 1, "clientCapabilities": {"terminal": True}}
    async with agent(host(call("run_command", command="sleep 60")), acp=ALLOW) as peer:
        await peer.call("initialize", hello)
        opened = await peer.call("session/new", {"cwd": str(tmp_path), "mcpServers": []})
        session = opened["result"]["sessionId"]
        turn = await peer.prompt(session)
        while (asked := await peer.receive()).get("method") != "terminal/create":
            pass
        cancel = {"method": "session/cancel", "params": {"sessionId": session}}
        await peer.send(cancel, {"id": asked["id"], "result": {"terminalId": "t-1"}})
        given_back: list[str] = []
        with trio.fail_after(PATIENCE_S):
            while given_back != ["terminal/kill", "terminal/release"]:
                message = await peer.receive()
                if "method" in message and message["method"].startswith("terminal/"):
                    assert message["params"] == {"sessionId": session, "terminalId": "t-1"}
                    given_back.append(message["method"])
                elif message.get("id") == turn:
                    assert message["result"] == {"stopReason": "cancelled"}


async def test_a_client_that_refuses_terminals(tmp_path: Path) -> None:
    text, shown = await run("no_such_program_at_all", tmp_path, abilities=ALL)
    assert "The client refused the command" in text
    assert shown["statuses"][-1] == "failed"


@pytest.mark.parametrize("where", ["..", "/", "missing"])
async def test_a_directory_outside_is_refused_before_asking(where: str, tmp_path: Path) -> None:
    scripted = host(call("run_command", command="true", cwd=where))
    async with open_desk(scripted) as ide:
        await ide.prompt(await ide.new_session(str(tmp_path)))
        assert ide.permissions.asked == []
    assert results(scripted.requests[1].messages)["c1"].is_error


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("git commit -m 'a b'", ["git", "commit", "-m", "a b"]),
        ('grep "x y" file', ["grep", "x y", "file"]),
        ("a;b", None), ("a && b", None), ("a|b", None), ("a > b", None), ("a < b", None), ("a $B", None),
        ("a `b`", None), ("a *", None), ("a ?", None), ("a\nb", None), ("a & b", None), ("(a)", None),
        ("A=1 b", None), ("~/x", None), ("{a,b}", None), ("a # b", None), ("'a", None), ("''  ", [""]),
    ],
)  # fmt: skip
def test_what_needs_a_shell(line: str, words: list[str] | None) -> None:
    assert split(line) == words


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(2, 60))
def test_output_is_its_head_and_its_tail(pieces: list[bytes], limit: int) -> None:
    kept = BoundedOutput(limit)
    for piece in pieces:
        kept.add(piece)
    whole = b"".join(pieces)
    end = whole[max(0, len(whole) - min(limit // 2, 7)) :]
    mark = f"[... {len(whole) - len(end)} bytes before ...]\n" if end != whole else ""
    assert (kept.size, kept.last(7)) == (len(whole), mark + end.decode("utf-8", "replace"))
    half = limit // 2
    if len(whole) <= 2 * half:
        assert (kept.truncated, kept.text) == (False, whole.decode("utf-8", "replace"))
    else:
        assert kept.truncated
        head, tail = (part.decode("utf-8", "replace") for part in (whole[:half], whole[-half:]))
        assert kept.text == f"{head}\n[... truncated: {len(whole) - 2 * half} bytes left out ...]\n{tail}"
