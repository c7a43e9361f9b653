"""What stdio mode promises of its tools, against the installed command: files, commands, permissions, MCP servers."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import mcp_server
import pytest
import trio
from proc import command_line
from stdio_ide import call, open_desk

from continuum.testing.ide import Answer, Json
from continuum.testing.upstream import ToolCall, open_upstream

MIB = 1024 * 1024
ALLOW: Json = {"permissions": {"default_policy": "allow", "always_ask": []}}
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    return laid_out(tmp_path)


def laid_out(place: Path) -> Path:
    """A session's folder, with everything around it that a path can lead to by mistake."""
    inside, outside = place / "inside", place / "outside"
    for folder in (inside, inside / "folder", outside):
        folder.mkdir(parents=True)
    (outside / "file").write_text("untouched")
    (inside / "folder" / "file").write_text("plain")
    (inside / "plain").write_text("plain")
    (inside / "out").symlink_to(outside)
    (inside / "out_file").symlink_to(outside / "file")
    os.mkfifo(inside / "fifo")
    return inside


OUTSIDE = ("../outside/file", "out/file", "out_file", "/etc/passwd", "/proc/self/environ", "/dev/zero", "fifo")


async def test_paths_that_lead_out_are_refused_before_asking(
    inside: Path, continuum_command: str, tmp_path: Path
) -> None:
    calls = [call("read_file", f"read {path}", path=path) for path in OUTSIDE]
    calls += [call("write_file", f"write {path}", path=path, content="spoilt") for path in OUTSIDE]
    calls += [call("read_file", "fine", path="plain")]
    async with open_upstream() as upstream, open_desk(continuum_command, tmp_path, upstream) as desk:
        desk.ide.permissions.default = "allow_once"
        told = await desk.ask(await desk.ide.new_session(str(inside)), *calls)
        statuses = {each.id: desk.ide.tool_call(each.id)["statuses"][-1] for each in calls}
        assert desk.ide.permissions.asked == []
    assert {ident for ident, status in statuses.items() if status != "failed"} == {"fine"}
    assert told["fine"] == "plain"
    assert not [each for each in told.values() if "untouched" in each or "root:" in each]
    assert (tmp_path / "outside" / "file").read_text("utf-8") == "untouched"


def swap(inside: Path) -> None:
    """As an attacker does between check and use: the folder is a link that leads out now."""
    (inside / "folder").rename(inside / "moved")
    (inside / "folder").symlink_to(inside.parent / "outside")


def save(inside: Path) -> None:
    """As an editor does."""
    (inside / "folder" / "file").write_text("newer")


MEANWHILE: Mapping[str, tuple[Callable[[Path], None], ToolCall]] = {
    "swapped before a write": (swap, call("write_file", "c", path="folder/file", content="spoilt")),
    "swapped before a delete": (swap, call("delete_file", "c", path="folder/file")),
    "saved": (save, call("edit_file", "c", path="folder/file", old_text="plain", new_text="spoilt")),
}


async def test_what_happens_while_the_user_is_asked(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream() as upstream, open_desk(continuum_command, tmp_path, upstream) as desk:
        for name, (meanwhile, change) in MEANWHILE.items():
            inside = laid_out(tmp_path / name)
            session = await desk.ide.new_session(str(inside))
            await desk.ask(session, call("read_file", name, path="folder/file"))
            gate = trio.Event()
            desk.ide.permissions.answers.append(gate)
            desk.ide.permissions.asking = trio.Event()
            desk.script(change)
            end = await desk.ide.start_prompt(session, "go")
            await desk.ide.permissions.asking.wait()
            meanwhile(inside)
            gate.set()
            assert (await end())["stopReason"] == "end_turn"
            assert desk.ide.tool_call("c")["statuses"][-1] == "failed", name
            desk.ide.updates.clear()
            assert (tmp_path / name / "outside" / "file").read_text("utf-8") == "untouched"
    assert (tmp_path / "saved" / "inside" / "folder" / "file").read_text("utf-8") == "newer"


@NEEDS_PROC
async def test_binary_and_huge_files_are_summarised_and_left_alone(
    inside: Path, continuum_command: str, tmp_path: Path
) -> None:
    binary, huge = b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 100, b"word\n" * (20 * MIB)
    (inside / "binary").write_bytes(binary)
    (inside / "huge").write_bytes(huge)
    names = ("binary", "huge")
    reads = [call("read_file", name, path=name) for name in names]
    edits = [call("edit_file", f"edit {name}", path=name, old_text="word", new_text="x") for name in names]
    async with open_upstream() as upstream, open_desk(continuum_command, tmp_path, upstream, acp=ALLOW) as desk:
        session = await desk.ide.new_session(str(inside))
        await desk.ask(session, call("read_file", "warm", path="plain"))
        before = desk.memory("VmHWM")
        told = await desk.ask(session, *reads, *edits)
        assert desk.memory("VmHWM") - before < 40 * MIB
        assert [desk.ide.tool_call(each.id)["statuses"][-1] for each in edits] == ["failed", "failed"]
    assert "\ufffd" not in told["binary"]
    assert len(told["huge"]) < 60_000
    assert (inside / "binary").read_bytes() == binary
    assert (inside / "huge").stat().st_size == len(huge)


NOT_YES = [each for each in get_args(get_args(Answer)[0]) if not each.startswith("allow") and each != "never"]


async def test_all_but_a_clear_yes_is_no(inside: Path, continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream() as upstream, open_desk(continuum_command, tmp_path, upstream) as desk:
        permissions = desk.ide.permissions
        session = await desk.ide.new_session(str(inside))
        for answer in NOT_YES:
            permissions.answers.append(answer)
            told = await desk.ask(session, call("write_file", answer, path=answer, content="x"))
            assert desk.ide.tool_call(answer)["statuses"] == ["pending", "failed"]
            assert "does not allow" in told[answer]
        assert len(permissions.asked) == len(NOT_YES)
        permissions.answers.append("never")
        permissions.asking = trio.Event()
        desk.script(call("write_file", "never", path="never", content="x"))
        end = await desk.ide.start_prompt(session, "go")
        await permissions.asking.wait()
        await desk.ide.leave()  # gone while it is asked: nobody has allowed it
        assert (await end())["stopReason"] in {"end_turn", "cancelled"}
    assert not [answer for answer in (*NOT_YES, "never") if (inside / answer).exists()]


async def test_always_means_what_was_shown(inside: Path, continuum_command: str, tmp_path: Path) -> None:
    commands = {
        "first": {"command": "touch a"},
        "the same": {"command": "touch a"},
        "another": {"command": "touch b"},
        "elsewhere": {"command": "touch a", "cwd": "folder"},
        "more": {"command": "touch a c"},
        "compound": {"command": "touch a; touch d"},
    }
    async with open_upstream() as upstream, open_desk(continuum_command, tmp_path, upstream) as desk:
        desk.ide.permissions.answers.append("allow_always")
        calls = [call("run_command", ident, **arguments) for ident, arguments in commands.items()]
        await desk.ask(await desk.ide.new_session(str(inside)), *calls)
        asked = [params["toolCall"]["toolCallId"] for params in desk.ide.permissions.asked]
    assert asked == [ident for ident in commands if ident != "the same"]
    assert set(os.listdir(inside)) & set("abcd") == {"a"}  # noqa: PTH208 - names alone


SECRETS = {
    "OPENAI_API_KEY": "sk-hidden",
    "GITHUB_TOKEN": "hidden",
    "DB_PASSWORD": "hidden",
    "SOME_URL": "http://u:hidden@h",
}


@NEEDS_PROC
async def test_commands_and_servers(inside: Path, continuum_command: str, tmp_path: Path) -> None:
    """Of commands: 100 MB of output, and no secrets. Of MCP servers: no secrets, and all their faults at once."""
    faults = [each for each in mcp_server.FAULTS if each not in {"hang", "ends_in_call", "deaf"}]
    servers = [
        {"name": name, "command": sys.executable, "args": [mcp_server.__file__, name], "env": []}
        for name in (*faults, "none")
    ]
    large = call("run_command", "large", command="yes 0123456789abcde | head -c 100000000; echo last")
    environments = [call("run_command", "env", command="env"), call("none__environment", "server")]
    async with (
        open_upstream() as upstream,
        open_desk(continuum_command, tmp_path, upstream, environment=SECRETS) as desk,
    ):
        session = await desk.ide.new_session(str(inside), mcpServers=servers)
        await desk.ide.call("session/set_mode", {"sessionId": session, "modeId": "yolo"})
        told = await desk.ask(session, *environments)
        assert not [value for value in SECRETS.values() if value in told["env"] or value in told["server"]]
        assert "PATH" in told["env"]
        assert "PATH" in told["server"]
        thoughts = desk.ide.said("agent_thought_chunk")
        assert [name for name in faults if f"The MCP server {name} is disabled: " not in thoughts] == []
        before = desk.memory("VmHWM")
        told = await desk.ask(session, large)
        shown = desk.ide.tool_call("large")
        assert len(shown["content"][0]["content"]["text"]) < MIB + 1000
        assert shown["rawOutput"] == {"exitCode": 0, "truncated": True}
        assert "last\n(exit status 0)" in told["large"]
        assert len(told["large"]) < 60_000
        assert desk.memory("VmHWM") - before < 24 * MIB


async def test_a_command_without_end(inside: Path, continuum_command: str, tmp_path: Path) -> None:
    """Deaf to SIGTERM, with a child of its own: the time limit ends all of it, and what it said is told."""
    line = "echo begun; trap '' TERM; sleep 600 & echo $! > pids; echo $$ >> pids; while :; do sleep 0.1; done"
    acp = {"tools": {"command_timeout": "3s"}}
    async with open_upstream() as upstream, open_desk(continuum_command, tmp_path, upstream, acp=acp) as desk:
        desk.ide.permissions.default = "allow_once"
        told = await desk.ask(await desk.ide.new_session(str(inside)), call("run_command", "endless", command=line))
        assert desk.ide.tool_call("endless")["statuses"][-1] == "failed"
    assert told["endless"] == "begun\n(stopped after 3 s: the time limit)"
    pids = [int(each) for each in (inside / "pids").read_text("ascii").split()]
    assert [command_line(pid) for pid in pids] == ["", ""]
