"""A turn's messages as history holds them: legal whatever happens to the turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.acp.transcript import Transcript
from continuum.chat import ChatResponse, Choice, Message, PartKind, Reasoning, ResponsePart, Text, ToolResult, ToolUse

PROMPT = Message.of_text("user", "hi")


def answer(*parts: tuple[PartKind, str], reason: str = "stop") -> ChatResponse:
    made = [
        ResponsePart(kind, text, id=f"c{place}" if kind == "tool" else "", name="read" if kind == "tool" else "")
        for place, (kind, text) in enumerate(parts)
    ]
    return ChatResponse("c", "m", choices=[Choice(made, reason)])


def test_a_tool_round_trip() -> None:
    turn = Transcript(PROMPT)
    turn.answer(answer(("reasoning", "hm"), ("tool", "{}"), ("tool", "{}"), reason="tool_calls"))
    for call in turn.open_calls:
        turn.result(call, [Text(call.id)], is_error=False)
    turn.answer(answer(("text", "done")))
    assert turn.open_calls == []
    assert turn.messages == [
        PROMPT,
        Message("assistant", [Reasoning("hm"), ToolUse("c1", "read", "{}"), ToolUse("c2", "read", "{}")]),
        Message("tool", [ToolResult("c1", [Text("c1")]), ToolResult("c2", [Text("c2")])]),
        Message("assistant", [Text("done")]),
    ]
    assert turn.messages == turn.asked


def test_a_turn_that_showed_nothing_leaves_no_trace() -> None:
    turn = Transcript(PROMPT)
    assert turn.messages == []
    turn.answer(ChatResponse())
    turn.answer(answer(("reasoning", "hm")))
    turn.answer(answer(("tool", "{"), reason=""))
    assert turn.messages == []


def test_a_refusal_takes_the_whole_turn_with_it() -> None:
    turn = Transcript(PROMPT)
    turn.answer(answer(("tool", "{}"), reason="tool_calls"))
    (call,) = turn.open_calls
    turn.result(call, [Text("x")], is_error=False)
    turn.answer(answer(("text", "no"), reason="content_filter"))
    assert turn.messages == []


def test_ids_are_unique_within_the_session() -> None:
    turn = Transcript(PROMPT, [Message("assistant", [ToolUse("old", "read", "{}")])])
    parts = [ResponsePart("tool", "{}", id=ident, name="read") for ident in ("new", "new", "old", "")]
    turn.answer(ChatResponse("c", "m", choices=[Choice(parts, "tool_calls")]))
    ids = [call.id for call in turn.open_calls]
    assert ids[0] == "new"
    assert len({*ids, "old", ""}) == 6


@pytest.mark.parametrize(
    ("name", "arguments", "kept"),
    [
        ("read", '{"a": 1}', ToolUse("c", "read", '{"a": 1}')),
        ("read", '{"a": ', ToolUse("c", "read", "{}")),
        ("read", "[" * 100_000, ToolUse("c", "read", "{}")),
        ("read", "5", ToolUse("c", "read", "{}")),
        ("read", '{"a": NaN}', ToolUse("c", "read", "{}")),
        ("read", '{"a": "\\ud83d"}', ToolUse("c", "read", "{}")),
        ("do it!", "", ToolUse("c", "do_it_", "{}")),
        ("", "{}", ToolUse("c", "unnamed", "{}")),
    ],
)
def test_what_a_server_would_refuse_is_not_sent_back(name: str, arguments: str, kept: ToolUse) -> None:
    turn = Transcript(PROMPT)
    turn.answer(ChatResponse("c", "m", choices=[Choice([ResponsePart("tool", arguments, "c", name)], "tool_calls")]))
    assert turn.open_calls == [ToolUse("c", name, arguments)]
    assert turn.asked[1].parts == [kept]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=4))
def test_every_call_has_one_result_wherever_the_turn_stops(rounds: list[tuple[int, int, bool]]) -> None:
    turn = Transcript(PROMPT)
    for calls, run, said in rounds:
        parts: list[tuple[PartKind, str]] = [("tool", "{}")] * calls
        text: list[tuple[PartKind, str]] = [("text", "x")] if said else []
        turn.answer(answer(*text, *parts, reason="tool_calls"))
        for call in turn.open_calls[:run]:
            turn.result(call, [Text("y")], is_error=False)
        if run < calls:
            break
    open_calls: list[str] = []
    for message in turn.messages:
        if message.role != "tool":
            assert not open_calls
            open_calls = [part.id for part in message.parts if isinstance(part, ToolUse)]
        else:
            results = [part.id for part in message.parts if isinstance(part, ToolResult)]
            assert results == open_calls
            open_calls = []
    assert not open_calls
