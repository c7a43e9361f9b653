"""The official Python SDK with a model that does what prompts wish: turns stopped inside tools, lists that have pages,
conversations that outgrow the model.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acp import schema
from patience import promised
from sdk_editor import Editor, Scenario, mcp_double, run_editor
from wishes import Wishes

from continuum.testing.upstream import open_upstream


async def play(command: str, folder: Path, scenario: Scenario, answer: str = "allow_once") -> Editor:
    """Against a model whose window has 4096 tokens."""
    wishes = Wishes()
    async with open_upstream(wishes, face="vllm") as upstream:
        wishes.told_by(upstream)
        config = folder / "continuum.yaml"
        backend = {"name": "b", "type": "vllm", "url": upstream.url}
        data = {"backends": [backend], "storage": {"dir": str(folder / "state")}, "logging": {"level": "error"}}
        config.write_text(json.dumps(data), encoding="utf-8")  # JSON is YAML
        return await run_editor(command, config, scenario, answer)


def wish(name: str, **arguments: str) -> str:
    return f"do {json.dumps([[name, arguments]])}"


async def stopped(editor: Editor, session: str, text: str, there: Callable[[], bool]) -> None:
    """A turn that is stopped once it has come to a place; the session is usable after it."""
    turn = editor.prompt(session, text)
    await editor.until(there)
    async with asyncio.timeout(promised(1)):
        await editor.cancel(session)
        assert (await turn).stop_reason == "cancelled"
    assert (await editor.prompt(session, "hello")).stop_reason == "end_turn"


def statuses(editor: Editor) -> list[str]:
    return [status for update in editor.updates if isinstance(status := getattr(update, "status", None), str)]


def embeds(update: Any) -> bool:
    content = getattr(update, "content", None)
    return isinstance(content, list) and schema.TerminalToolCallContent(type="terminal", terminal_id="t-1") in content


async def test_cancel_while_permission_is_asked(continuum_command: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")

    async def scenario(editor: Editor) -> None:
        session = await editor.open()
        await stopped(editor, session, wish("delete_file", path="f"), lambda: bool(editor.asked))

    editor = await play(continuum_command, tmp_path, scenario, "never")
    assert statuses(editor) == ["pending", "failed"]
    assert (tmp_path / "f").exists()


async def test_cancel_in_a_command(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        session = await editor.open()
        command = wish("run_command", command="sleep 300")
        await stopped(editor, session, command, lambda: any(map(embeds, editor.updates)))
        await editor.until(lambda: editor.released == ["t-1"])
        assert editor.terminal is not None
        assert await editor.terminal.wait() < 0

    await play(continuum_command, tmp_path, scenario)


async def test_cancel_in_an_mcp_tool(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        session = await editor.open(mcp_double())
        await stopped(editor, session, wish("double__slow"), lambda: "in_progress" in statuses(editor))

    editor = await play(continuum_command, tmp_path, scenario)
    assert statuses(editor) == ["pending", "in_progress", "failed"]


async def test_sessions_are_listed_by_pages(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        made: list[str] = []
        for _ in range(51):
            made.append(await editor.open())
            await editor.prompt(made[-1], "/help")  # what nobody spoke in is not listed
        first = await editor.agent.list_sessions(cwd=str(tmp_path))
        second = await editor.agent.list_sessions(cwd=str(tmp_path), cursor=first.next_cursor)
        listed = [each.session_id for page in (first, second) for each in page.sessions]
        assert (len(first.sessions), second.next_cursor) == (50, None)
        assert sorted(listed) == sorted(made)

    await play(continuum_command, tmp_path, scenario)


async def test_the_oldest_turns_are_left_out_where_the_window_is_too_small(
    continuum_command: str, tmp_path: Path
) -> None:
    async def scenario(editor: Editor) -> None:
        session = await editor.open()
        await editor.prompt(session, wish("read_file", path="f") + " " * 4000)
        for word in ("second", "recall"):
            await editor.prompt(session, f"{word} {'x' * 4000}")
        told = editor.said()
        assert json.loads(told[told.rindex("[[") :]) == [["user", "second"], ["assistant", "Every"], ["user", "recall"]]

    editor = await play(continuum_command, tmp_path, scenario)
    sizes = [update.size for update in editor.updates if getattr(update, "session_update", "") == "usage_update"]
    assert sizes == [4096] * 3
