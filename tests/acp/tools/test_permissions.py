"""Permissions: what is asked, what an answer means, how wide "always" is; anything unclear is no."""

from pathlib import Path
from typing import Any

import pytest
import trio
from acp_peer import ScriptedHost, text_answer
from desk import call, calls, open_desk, results, told
from patience import promised

from continuum.acp.permissions import Grants, Mode, Verdict, decide
from continuum.acp.sent.updates import ToolKind
from continuum.acp.tools.base import Action, Output, Progress
from continuum.config.sections.acp import Permissions
from continuum.testing.ide import Answer


def host(*wanted: tuple[str, str, str]) -> ScriptedHost:
    scripted = ScriptedHost()
    scripted.answers.extend([*(calls(one) for one in wanted), text_answer("ok")])
    return scripted


@pytest.mark.parametrize(
    "answer",
    ["reject_once", "reject_always", "cancelled", "unknown", "error", "missing", "null"],
)
async def test_all_but_a_clear_yes_is_no(answer: Answer, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    scripted = host(call("delete_file", path="a"))
    async with open_desk(scripted) as ide:
        ide.permissions.answers.append(answer)
        assert await ide.prompt(await ide.new_session(str(tmp_path))) == {"stopReason": "end_turn"}
        assert ide.tool_call("c1")["statuses"] == ["pending", "failed"]
    assert (tmp_path / "a").exists()
    assert results(scripted.requests[1].messages)["c1"].is_error
    assert "does not allow" in told(scripted)


async def test_the_call_stays_pending_until_it_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    gate = trio.Event()
    scripted = host(call("delete_file", path="a"))
    async with open_desk(scripted) as ide:
        ide.permissions.answers.append(gate)
        end = await ide.start_prompt(await ide.new_session(str(tmp_path)), "x")
        await ide.permissions.asking.wait()
        question = ide.permissions.asked[0]
        assert ide.tool_call("c1")["statuses"] == ["pending"]
        assert question["toolCall"]["rawInput"] == {"path": "a"}
        assert question["toolCall"]["locations"] == [{"path": str(tmp_path / "a")}]
        assert [option["kind"] for option in question["options"]] == [
            "allow_once", "allow_always", "reject_once", "reject_always",
        ]  # fmt: skip
        gate.set()
        await end()
        assert ide.tool_call("c1")["statuses"] == ["pending", "in_progress", "completed"]
    assert not (tmp_path / "a").exists()


async def test_always_is_no_wider_than_what_was_shown(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    wanted = [
        ("write_file", {"path": "a", "content": "1"}),
        ("write_file", {"path": "sub/../a", "content": "2"}),  # the same file
        ("write_file", {"path": "b", "content": "1"}),
        ("delete_file", {"path": "a"}),
        ("run_command", {"command": "echo 1"}),
        ("run_command", {"command": "echo  '1'"}),  # the same argv
        ("run_command", {"command": "echo 1 2"}),
        ("run_command", {"command": "echo 1", "cwd": "sub"}),
        ("run_command", {"command": "echo 1; true"}),
        ("run_command", {"command": "echo 1; true"}),  # compound: never always
    ]
    scripted = host(*(call(name, id=f"c{i}", **arguments) for i, (name, arguments) in enumerate(wanted)))
    async with open_desk(scripted) as ide:
        ide.permissions.answers.extend(
            ["allow_always", "reject_once", "reject_once", "allow_always", *["allow_once"] * 4]  # type: ignore[list-item]
        )
        await ide.prompt(await ide.new_session(str(tmp_path)))
        asked = [params["toolCall"]["toolCallId"] for params in ide.permissions.asked]
        assert asked == ["c0", "c2", "c3", "c4", "c6", "c7", "c8", "c9"]
        assert [option["kind"] for option in ide.permissions.asked[-1]["options"]] == ["allow_once", "reject_once"]


async def test_rejected_for_good_is_not_asked_again(tmp_path: Path) -> None:
    scripted = host(*(call("run_command", id=f"c{i}", command="echo 1") for i in range(2)))
    async with open_desk(scripted) as ide:
        ide.permissions.answers.append("reject_always")
        await ide.prompt(await ide.new_session(str(tmp_path)))
        assert len(ide.permissions.asked) == 1
        assert ide.tool_call("c1")["statuses"] == ["pending", "failed"]


async def test_a_client_that_leaves_has_not_allowed_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    scripted = host(call("delete_file", path="a"))
    async with open_desk(scripted) as ide:
        ide.permissions.answers.append("never")
        await ide.start_prompt(await ide.new_session(str(tmp_path)), "x")
        await ide.permissions.asking.wait()
        await ide.leave()
        await ide.seen(
            lambda ide: any("result" in message and "stopReason" in message["result"] for message in ide.messages)
        )
    assert (tmp_path / "a").exists()


async def test_cancel_while_the_user_is_asked(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    scripted = host(call("delete_file", path="a"))
    async with open_desk(scripted) as ide:
        gate = trio.Event()
        ide.permissions.answers.append(gate)
        session = await ide.new_session(str(tmp_path))
        end = await ide.start_prompt(session, "x")
        await ide.permissions.asking.wait()
        with trio.fail_after(promised(1)):
            await ide.cancel(session)
            assert await end() == {"stopReason": "cancelled"}
        gate.set()  # a yes that comes too late
        assert await ide.prompt(session) == {"stopReason": "end_turn"}
        assert ide.tool_call("c1")["statuses"] == ["pending", "failed"]
    assert (tmp_path / "a").exists()
    assert "Not run" in told(scripted)


async def test_long_command_lines_are_shown_whole(tmp_path: Path) -> None:
    line = f"echo {'x' * 300} && rm -rf /tmp/nothing"
    scripted = host(call("run_command", command=line))
    async with open_desk(scripted) as ide:
        await ide.prompt(await ide.new_session(str(tmp_path)))
        (question,) = ide.permissions.asked
        assert question["toolCall"]["content"][0]["content"]["text"] == line


async def _nothing(_: Progress) -> Output:
    return Output("")


def action(*, compound: bool = False) -> Action:
    return Action("x", _nothing, grant="g", compound=compound)


DEFAULT = Permissions()
OPEN = Permissions(default_policy="allow", always_ask=[], auto_allow=["execute"])
SHUT = Permissions(default_policy="deny", always_ask=["edit"], auto_allow=["read"])


@pytest.mark.parametrize(
    ("section", "mode", "kind", "compound", "verdict"),
    [
        (DEFAULT, "ask", "read", False, "allow"), (DEFAULT, "ask", "search", False, "allow"),
        (DEFAULT, "ask", "edit", False, "ask"), (DEFAULT, "ask", "delete", False, "ask"),
        (DEFAULT, "ask", "execute", False, "ask"), (DEFAULT, "ask", "move", False, "ask"),
        (DEFAULT, "ask", "fetch", False, "ask"), (DEFAULT, "ask", "other", False, "ask"),
        (DEFAULT, "auto_edit", "edit", False, "allow"), (DEFAULT, "auto_edit", "move", False, "allow"),
        (DEFAULT, "auto_edit", "delete", False, "ask"), (DEFAULT, "auto_edit", "execute", False, "ask"),
        (DEFAULT, "read_only", "read", False, "allow"), (DEFAULT, "read_only", "edit", False, "refuse"),
        (DEFAULT, "read_only", "fetch", False, "refuse"), (DEFAULT, "read_only", "other", False, "refuse"),
        (DEFAULT, "yolo", "delete", False, "allow"), (DEFAULT, "yolo", "execute", True, "allow"),
        (OPEN, "ask", "execute", False, "allow"), (OPEN, "ask", "execute", True, "ask"),
        (OPEN, "ask", "delete", False, "allow"), (OPEN, "read_only", "execute", False, "refuse"),
        (SHUT, "ask", "delete", False, "refuse"), (SHUT, "ask", "edit", False, "ask"),
        (SHUT, "ask", "execute", True, "refuse"), (SHUT, "ask", "read", False, "allow"),
    ],
)  # fmt: skip
def test_by_kind_and_mode(
    section: Permissions,
    mode: Mode,
    kind: ToolKind,
    compound: bool,  # noqa: FBT001 - a table's column
    verdict: Verdict,
) -> None:
    assert decide(section, mode, kind, action(compound=compound), Grants()) == verdict


def test_what_the_user_settled() -> None:
    settled: dict[str, Any] = {"allowed": {"g"}}
    assert decide(DEFAULT, "ask", "delete", action(), Grants(**settled)) == "allow"
    assert decide(DEFAULT, "ask", "execute", action(compound=True), Grants(**settled)) == "ask"
    assert decide(SHUT, "ask", "delete", action(), Grants(**settled)) == "refuse"
    assert decide(DEFAULT, "ask", "read", action(), Grants(rejected={"g"})) == "refuse"
    assert decide(DEFAULT, "read_only", "delete", action(), Grants(**settled)) == "refuse"
