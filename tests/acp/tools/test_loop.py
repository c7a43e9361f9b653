"""The turn as a loop: tools are called until the model stops, and every fault of a call is told to the model."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from acp_peer import ScriptedHost, config_of, text_answer
from desk import call, calls, open_desk, results, told
from patience import PATIENCE_S

from continuum.acp.client import Client
from continuum.acp.equipment import equip
from continuum.acp.session import Session, Settings
from continuum.acp.toolbox import Toolbox
from continuum.acp.tools.base import Output
from continuum.acp.transcript import Transcript
from continuum.chat import ChatResponse, Choice, Message, ResponsePart, Text, ToolResult, ToolUse
from continuum.errors import UpstreamRejected


def host(*answers: Any) -> ScriptedHost:
    scripted = ScriptedHost()
    scripted.answers.extend(answers)
    return scripted


async def test_a_tool_round_trip(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    scripted = host(calls(call("read_file", path="a.txt"), text="Let me see."), text_answer("It says one."))
    async with open_desk(scripted) as ide:
        session = await ide.new_session(str(tmp_path))
        assert await ide.prompt(session) == {"stopReason": "end_turn"}
        shown = ide.tool_call("c1")
        assert shown["statuses"] == ["pending", "in_progress", "completed"]
        assert (shown["kind"], shown["rawInput"]) == ("read", {"path": "a.txt"})
        assert shown["locations"] == [{"path": str(tmp_path / "a.txt")}]
        assert shown["content"] == [{"type": "content", "content": {"type": "text", "text": "one\ntwo\n"}}]
        assert ide.said() == "Let me see.It says one."
        assert not ide.permissions.asked
    assert {tool.name for tool in scripted.requests[0].tools} >= {"read_file", "edit_file", "run_command", "search"}
    assert scripted.requests[1].messages[-2:] == [
        Message("assistant", [Text("Let me see."), ToolUse("c1", "read_file", '{"path": "a.txt"}')]),
        Message("tool", [ToolResult("c1", [Text("one\ntwo\n")])]),
    ]


async def test_parallel_calls_are_done_in_order_and_the_next_turn_knows_them(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name * 3)
    wanted = (call("read_file", id="x", path="a"), call("read_file", id="y", path="b"))
    scripted = host(calls(*wanted), text_answer("ok"), text_answer("again"))
    async with open_desk(scripted) as ide:
        session = await ide.new_session(str(tmp_path))
        await ide.prompt(session)
        await ide.prompt(session)
    assert (told(scripted, "x"), told(scripted, "y")) == ("aaa", "bbb")
    assert [message.role for message in scripted.requests[2].messages] == [
        "user", "assistant", "tool", "assistant", "user",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (call("read_file", raw='{"path": '), "not valid JSON"),
        (call("read_file", raw="[1]"), "must be a JSON object"),
        (call("read_file", raw="[" * 50_000), "not valid JSON"),
        (call("read_file", raw=""), "path"),
        (call("read_file", raw='{"path": NaN}'), "not valid JSON"),
        (call("read_file", raw='{"path": "f", "line": 1e999}'), "not valid JSON"),
        (call("read_file", raw='{"path": "\\ud83d"}'), "not valid JSON"),
        (call("read_file", path=5), "Wrong arguments"),
        (call("no_such_tool", path="a"), "There is no tool 'no_such_tool'. The tools are: read_file"),
        (call("", path="a"), "There is no tool ''"),
        (call("read_file", path="missing"), "no such file"),
        (call("search"), "Give a pattern"),
    ],
)
async def test_a_call_that_cannot_be_done_is_told_to_the_model(
    wanted: tuple[str, str, str], said: str, tmp_path: Path
) -> None:
    scripted = host(calls(wanted), text_answer("I see"))
    async with open_desk(scripted) as ide:
        assert await ide.prompt(await ide.new_session(str(tmp_path))) == {"stopReason": "end_turn"}
        assert ide.tool_call("c1")["statuses"][-1] == "failed"
    assert said in told(scripted)
    assert results(scripted.requests[1].messages)["c1"].is_error


def test_a_result_holds_no_halves_of_characters() -> None:
    assert Output("cut \ud83d").said == [Text("cut ?")]


async def test_one_id_twice_is_two_calls(tmp_path: Path) -> None:
    scripted = host(calls(call("read_file", path="."), call("read_file", path=".")), text_answer("ok"))
    async with open_desk(scripted) as ide:
        await ide.prompt(await ide.new_session(str(tmp_path)))
    assert len(results(scripted.requests[1].messages)) == 2


async def test_the_number_of_requests_is_bounded(tmp_path: Path) -> None:
    scripted = host(*[calls(call("read_file", path=".")) for _ in range(3)], text_answer("ok"))
    async with open_desk(scripted, acp={"max_turn_requests": 3}) as ide:
        session = await ide.new_session(str(tmp_path))
        assert await ide.prompt(session) == {"stopReason": "max_turn_requests"}
        assert len(scripted.requests) == 3
        assert await ide.prompt(session) == {"stopReason": "end_turn"}
    roles = [message.role for message in scripted.requests[3].messages]
    assert roles == ["user", *["assistant", "tool"] * 3, "user"]


async def test_an_answer_cut_short_calls_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    cut = calls(call("delete_file", path="a"), reason="length")
    scripted = host(cut, text_answer("ok"))
    async with open_desk(scripted, acp={"permissions": {"default_policy": "allow", "always_ask": []}}) as ide:
        session = await ide.new_session(str(tmp_path))
        assert await ide.prompt(session) == {"stopReason": "max_tokens"}
        await ide.prompt(session)
    assert (tmp_path / "a").exists()
    assert "Not run" in told(scripted)


async def test_a_model_without_tools_goes_on_without(tmp_path: Path) -> None:
    refusal = UpstreamRejected("m does not support tools", status=400)
    scripted = host([refusal], text_answer("plain"), text_answer("again"))
    async with open_desk(scripted) as ide:
        session = await ide.new_session(str(tmp_path))
        assert await ide.prompt(session) == {"stopReason": "end_turn"}
        await ide.prompt(session)
        assert ide.said() == "plainagain"
        assert ide.said("agent_thought_chunk").count("takes no tools") == 1
    assert [bool(request.tools) for request in scripted.requests] == [True, False, False]


async def test_only_enabled_kinds_are_offered(tmp_path: Path) -> None:
    scripted = host(calls(call("run_command", command="true")), text_answer("ok"))
    async with open_desk(scripted, acp={"tools": {"enabled": ["read", "think"]}}) as ide:
        await ide.prompt(await ide.new_session(str(tmp_path)))
    assert {tool.name for tool in scripted.requests[0].tools} == {"read_file", "update_plan", "think"}
    assert "There is no tool" in told(scripted)


async def test_plans_and_thoughts_are_updates_of_their_own(tmp_path: Path) -> None:
    entries = [{"content": "look", "status": "in_progress", "priority": "high"}, {"content": "do"}]
    wanted = (call("update_plan", entries=entries), call("think", id="c2", thought="hm"))
    scripted = host(calls(*wanted), text_answer("ok"))
    async with open_desk(scripted) as ide:
        await ide.prompt(await ide.new_session(str(tmp_path)))
        kinds = [update["update"]["sessionUpdate"] for update in ide.updates]
        # Between the commands and the title:
        assert kinds[1:-1] == ["plan", "agent_thought_chunk", "agent_message_chunk"]
        assert ide.updates[1]["update"]["entries"] == [
            {"content": "look", "status": "in_progress", "priority": "high"},
            {"content": "do", "status": "pending", "priority": "medium"},
        ]


async def test_a_client_that_stops_reading_holds_the_turn_and_can_still_cancel(tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * 400_000)
    scripted = host(*[calls(call("read_file", path="large")) for _ in range(40)], text_answer("ok"))
    async with open_desk(scripted) as ide:
        session = await ide.new_session(str(tmp_path))
        ide.reading = trio.Event()
        end = await ide.start_prompt(session, "x")
        for _ in range(10):
            await scripted.asked.wait()
            scripted.asked = trio.Event()
            with trio.move_on_after(0.3) as waiting:
                await scripted.asked.wait()
            if waiting.cancelled_caught:
                break
        assert len(scripted.requests) < 10  # held, nothing like forty answers are waiting to be read
        await ide.cancel(session)
        ide.reading.set()
        with trio.fail_after(PATIENCE_S):
            assert await end() == {"stopReason": "cancelled"}


class Full:
    """A client's channel. It is full behind the nth line, and there the turn is cancelled."""

    def __init__(self, lines: int, scope: trio.CancelScope) -> None:
        self.lines: list[bytes] = []
        self._full, self._scope = lines, scope

    def post(self, line: bytes) -> None:
        self.lines.append(line)

    async def room(self) -> None:
        if len(self.lines) == self._full:
            self._scope.cancel()
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("lines", "statuses", "said"),
    [
        (1, ["pending", "failed"], "Not run"),
        (2, ["pending", "in_progress", "failed"], "Not run"),
        (3, ["pending", "in_progress", "completed"], "text"),
    ],
)
async def test_a_call_is_ended_wherever_a_slow_client_holds_a_turn_that_is_cancelled(
    lines: int, statuses: list[str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_text("text")
    async with trio.open_nursery() as nursery:
        session = Session("s", str(tmp_path), ScriptedHost(), Settings.of(config_of().acp), nursery)
        scope = trio.CancelScope()
        full = Full(lines, scope)
        transcript = Transcript(Message.of_text("user", "hi"))
        wanted = ResponsePart("tool", '{"path": "f"}', id="c1", name="read_file")
        transcript.answer(ChatResponse("c", "m", choices=[Choice([wanted], "tool_calls")]))
        toolbox = Toolbox(session, await equip(session, Client(full)), transcript)
        with scope:
            await toolbox.run(transcript.open_calls[0])
    assert scope.cancelled_caught
    assert [json.loads(line)["params"]["update"]["status"] for line in full.lines] == statuses
    (part,) = transcript.messages[-1].parts
    assert isinstance(part, ToolResult)
    (text,) = part.content
    assert isinstance(text, Text)
    assert text.text.startswith(said)
