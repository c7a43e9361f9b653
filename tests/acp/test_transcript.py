"""A turn's messages as history holds them: legal whatever happens to the turn."""

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
    calls = turn.answer(answer(("reasoning", "hm"), ("tool", "{}"), ("tool", "{}"), reason="tool_calls"))
    for call in calls:
        turn.result(call, [Text(call.id)], is_error=False)
    assert turn.answer(answer(("text", "done"))) == []
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
    (call,) = turn.answer(answer(("tool", "{}"), reason="tool_calls"))
    turn.result(call, [Text("x")], is_error=False)
    turn.answer(answer(("text", "no"), reason="content_filter"))
    assert turn.messages == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=4))
def test_every_call_has_one_result_wherever_the_turn_stops(rounds: list[tuple[int, int, bool]]) -> None:
    turn = Transcript(PROMPT)
    for calls, run, said in rounds:
        parts: list[tuple[PartKind, str]] = [("tool", "{}")] * calls
        text: list[tuple[PartKind, str]] = [("text", "x")] if said else []
        wanted = turn.answer(answer(*text, *parts, reason="tool_calls"))
        for call in wanted[:run]:
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
