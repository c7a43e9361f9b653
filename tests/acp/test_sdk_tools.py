"""The official Python SDK as an editor with files, terminals and permissions, in front of the real process."""

import json
from pathlib import Path

import pytest
from acp import schema
from sdk_editor import Editor, mcp_double, run_editor

from continuum.testing.upstream import Completion, Stream, ToolCall, Upstream, open_upstream


def call(name: str, **arguments: object) -> Completion:
    return Completion((), tool_calls=(ToolCall(name, json.dumps(arguments), id="c1"),))


async def play(
    upstream: Upstream, command: str, folder: Path, answer: str = "allow_once", *, with_server: bool = False
) -> Editor:
    """One prompt."""
    config = folder / "continuum.yaml"
    backends = f"[{{name: b, type: generic, url: '{upstream.url}/v1', models: [m]}}]"
    config.write_text(f"logging: {{level: error}}\nbackends: {backends}\n", encoding="utf-8")

    async def scenario(editor: Editor) -> None:
        session = await editor.open(*([mcp_double()] if with_server else []))
        assert (await editor.prompt(session, "go")).stop_reason == "end_turn"

    return await run_editor(command, config, scenario, answer)


def told(upstream: Upstream) -> str:
    """What the second request tells the model about the call."""
    message = upstream.calls[-1].json["messages"][-1]
    assert (message["role"], message["tool_call_id"]) == ("tool", "c1")
    content: str = message["content"]
    return content


@pytest.mark.parametrize("answer", ["allow_once", "reject_once", "cancelled", "unknown"])
async def test_permission(answer: str, continuum_command: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    async with open_upstream() as upstream:
        upstream.push(call("delete_file", path="f"), Stream(("done",)))
        editor = await play(upstream, continuum_command, tmp_path, answer)
    assert len(editor.asked) == 1
    allowed = answer == "allow_once"
    assert (tmp_path / "f").exists() is not allowed
    ends = ["in_progress", "completed"] if allowed else ["failed"]
    assert editor.statuses("c1") == ["pending", *ends]
    assert ("Deleted" if allowed else "does not allow") in told(upstream)


async def test_read_and_write_go_through_the_client(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        upstream.push(call("read_file", path="f"), Stream(("done",)))
        await play(upstream, continuum_command, tmp_path)
        assert told(upstream) == "unsaved text of f"
        upstream.push(call("edit_file", path="f", old_text="unsaved", new_text="better"), Stream(("done",)))
        editor = await play(upstream, continuum_command, tmp_path)
    assert editor.written == {str(tmp_path / "f"): "better text of f"}
    assert not (tmp_path / "f").exists()


async def test_a_terminal_is_embedded_and_released(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        upstream.push(call("run_command", command="echo hello"), Stream(("done",)))
        editor = await play(upstream, continuum_command, tmp_path)
    assert told(upstream) == "hello\n(exit status 0)"
    shown = [update.content for update in editor.updates if getattr(update, "tool_call_id", "") == "c1"]
    assert [schema.TerminalToolCallContent(type="terminal", terminal_id="t-1")] in shown
    assert editor.released == ["t-1"]


async def test_an_mcp_tool_is_called(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        upstream.push(call("double__echo", text="hi"), Stream(("done",)))
        editor = await play(upstream, continuum_command, tmp_path, with_server=True)
    assert told(upstream) == "you said hi"
    assert editor.asked[0].kind == "other"
