"""Sessions and turns through the whole agent, in front of a scripted host."""

from collections.abc import Sequence

import pytest
import trio
from acp_peer import Json, ScriptedHost, Step, agent, text_answer
from patience import promised

from continuum.chat import (
    Failed,
    Finished,
    Image,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    Started,
    Text,
    TextDelta,
    Usage,
    UsageReported,
)
from continuum.errors import NoBackendAvailable, StreamBroken


def host(*answers: Sequence[Step]) -> ScriptedHost:
    scripted = ScriptedHost()
    scripted.answers.extend(answers)
    return scripted


async def test_an_answer_streams_and_ends_the_turn() -> None:
    async with agent(host(text_answer("Hel", "", "lo"))) as peer:
        session = await peer.new_session()
        answer = await peer.answer(await peer.prompt(session))
        assert answer["result"] == {"stopReason": "end_turn"}
        assert [update["update"]["content"]["text"] for update in peer.updates] == ["Hel", "lo"]
        assert {update["sessionId"] for update in peer.updates} == {session}
        assert len({update["update"]["messageId"] for update in peer.updates}) == 1
        assert await peer.wait_exit() == 0


async def test_thoughts_have_their_own_message() -> None:
    thinking: list[Step] = [
        Started("c", "m"),
        PartStarted(0, "reasoning"),
        ReasoningDelta("hm", 0),
        PartEnded(0, vendor={"signature": "s"}),
        PartStarted(1, "text"),
        TextDelta("yes", 1),
        UsageReported(Usage(1, 2)),
        Finished("stop"),
    ]
    scripted = host(thinking, text_answer("again"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        await peer.answer(await peer.prompt(session, "one"))
        thought, message = (update["update"] for update in peer.updates)
        assert (thought["sessionUpdate"], message["sessionUpdate"]) == ("agent_thought_chunk", "agent_message_chunk")
        assert thought["messageId"] != message["messageId"]
        await peer.answer(await peer.prompt(session, "two"))
    assert scripted.requests[1].messages[1].parts == [Reasoning("hm", {"signature": "s"}), Text("yes")]


@pytest.mark.parametrize(
    ("reason", "stop_reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("tool_calls", "end_turn"),
        ("odd", "end_turn"),
    ],
)
async def test_stop_reasons(reason: str, stop_reason: str) -> None:
    async with agent(host(text_answer("x", reason=reason))) as peer:
        answer = await peer.answer(await peer.prompt(await peer.new_session()))
        assert answer["result"]["stopReason"] == stop_reason


async def test_a_second_prompt_continues_the_conversation() -> None:
    scripted = host(text_answer("one"), text_answer("two"), text_answer("other"))
    async with agent(scripted, acp={"system_prompt": "be brief"}) as peer:
        session = await peer.new_session()
        for text in ("first", "second"):
            await peer.answer(await peer.prompt(session, text))
        await peer.answer(await peer.prompt(await peer.new_session(), "elsewhere"))
    opening = [("system", "be brief"), ("user", "first")]
    assert scripted.texts(0) == opening
    assert scripted.texts(1) == [*opening, ("assistant", "one"), ("user", "second")]
    assert scripted.texts(2) == [("system", "be brief"), ("user", "elsewhere")]


async def test_a_sessions_turns_belong_together() -> None:
    """Where calls are kept together by key, a session's are."""
    scripted = host(text_answer("one"), text_answer("two"), text_answer("other"))
    async with agent(scripted) as peer:
        sessions = [await peer.new_session(), await peer.new_session()]
        for session in (sessions[0], sessions[0], sessions[1]):
            await peer.answer(await peer.prompt(session, "hello"))
    assert scripted.affinities == [sessions[0], sessions[0], sessions[1]]


async def test_a_refused_turn_leaves_no_trace() -> None:
    scripted = host(text_answer("no", reason="content_filter"), text_answer("ok"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        for text in ("bad", "good"):
            await peer.answer(await peer.prompt(session, text))
    assert scripted.texts(1) == [("user", "good")]


async def test_upstream_errors_are_rpc_errors_and_the_session_goes_on() -> None:
    failing: list[Sequence[Step]] = [
        [NoBackendAvailable("no backend is up")],
        [*text_answer("half")[:-1], StreamBroken("broke off")],
        [Started("c", "m"), Failed(StreamBroken("said so itself"))],
    ]
    scripted = host(*failing, text_answer("ok"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        errors = [(await peer.answer(await peer.prompt(session, text)))["error"] for text in "abc"]
        assert [error["message"] for error in errors] == ["no backend is up", "broke off", "said so itself"]
        assert {error["code"] for error in errors} == {-32603}
        assert errors[0]["data"] == {"code": "no_backend"}
        assert "result" in await peer.answer(await peer.prompt(session, "d"))
        assert await peer.wait_exit() == 0
    # What was shown is remembered, what failed before it is not.
    assert scripted.texts(3) == [("user", "b"), ("assistant", "half"), ("user", "d")]


async def test_a_bug_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    async with agent(host([RuntimeError("secret")], text_answer("ok"))) as peer:
        session = await peer.new_session()
        error = (await peer.answer(await peer.prompt(session)))["error"]
        assert error == {"code": -32603, "message": "Internal error"}
        assert "result" in await peer.answer(await peer.prompt(session))
    assert "a request failed" in caplog.text


async def test_two_sessions_at_once() -> None:
    gate = trio.Event()
    scripted = host([*text_answer("slow ")[:-1], gate, *text_answer("end")[1:]], text_answer("fast"))
    async with agent(scripted) as peer:
        slow, fast = await peer.new_session(), await peer.new_session()
        first = await peer.prompt(slow)
        await peer.update()
        assert (await peer.answer(await peer.prompt(fast)))["result"]["stopReason"] == "end_turn"
        gate.set()
        assert (await peer.answer(first))["result"]["stopReason"] == "end_turn"
    assert [update["sessionId"] for update in peer.updates] == [slow, fast, slow]


async def test_a_second_prompt_queues() -> None:
    gate = trio.Event()
    scripted = host([gate, *text_answer("one")], text_answer("two"), text_answer("three"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        first, second, third = [await peer.prompt(session, text) for text in "abc"]
        await scripted.asked.wait()
        assert len(scripted.requests) == 1
        gate.set()
        order = [(await peer.receive()).get("id") for _ in range(6)]
        assert [ident for ident in order if ident] == [first, second, third]
    assert peer.said() == "onetwothree"
    assert scripted.texts(2)[-2:] == [("assistant", "two"), ("user", "c")]


async def test_prompts_of_one_write_keep_their_order() -> None:
    names = [str(number) for number in range(20)]
    scripted = host(*(text_answer(name) for name in names))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        params = {"sessionId": session, "prompt": [{"type": "text", "text": "x"}]}
        await peer.send(*({"id": name, "method": "session/prompt", "params": params} for name in names))
        for name in names:
            await peer.answer(name)
    assert peer.said() == "".join(names)


async def test_cancel_mid_stream_closes_the_upstream_and_keeps_what_was_shown() -> None:
    never = trio.Event()
    scripted = host([*text_answer("half")[:-1], never], text_answer("ok"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        prompt = await peer.prompt(session, "a")
        await peer.update()
        with trio.fail_after(promised(1)):
            await peer.cancel(session)
            assert (await peer.answer(prompt))["result"] == {"stopReason": "cancelled"}
        assert scripted.replies[0].closed.is_set()
        await peer.cancel(session)  # late, and so without effect on the next turn
        assert (await peer.answer(await peer.prompt(session, "b")))["result"]["stopReason"] == "end_turn"
    assert scripted.texts(1) == [("user", "a"), ("assistant", "half"), ("user", "b")]


async def test_cancel_before_the_first_token() -> None:
    scripted = host(text_answer("never"), text_answer("ok"))
    scripted.before_open = trio.Event()
    async with agent(scripted) as peer:
        session = await peer.new_session()
        prompt = await peer.prompt(session, "a")
        await scripted.asked.wait()
        await peer.cancel(session)
        await peer.cancel(session)
        assert (await peer.answer(prompt))["result"] == {"stopReason": "cancelled"}
        scripted.before_open = None
        assert "result" in await peer.answer(await peer.prompt(session, "b"))
    assert scripted.texts(1) == [("user", "b")]


async def test_a_cancel_in_the_same_write_finds_the_prompt_and_spares_the_next_one() -> None:
    scripted = host(text_answer("ok"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        params = {"sessionId": session, "prompt": [{"type": "text", "text": "x"}]}
        prompt: Json = {"method": "session/prompt", "params": params}
        cancel: Json = {"method": "session/cancel", "params": {"sessionId": session}}
        await peer.send(cancel, {"id": "a", **prompt}, {"id": "b", **prompt}, cancel, {"id": "c", **prompt})
        for ident, reason in (("a", "cancelled"), ("b", "cancelled"), ("c", "end_turn")):
            assert (await peer.answer(ident))["result"]["stopReason"] == reason
    assert len(scripted.requests) == 1


async def test_cancel_request_ends_one_prompt_of_the_queue() -> None:
    gate = trio.Event()
    scripted = host([gate, *text_answer("one")], text_answer("three"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        first, second, third = [await peer.prompt(session, text) for text in "abc"]
        for ident in (second, "unknown", True, [1], None):
            await peer.send({"method": "$/cancel_request", "params": {"requestId": ident}})
        assert (await peer.answer(second))["result"] == {"stopReason": "cancelled"}
        gate.set()
        assert (await peer.answer(first))["result"] == {"stopReason": "end_turn"}
        assert (await peer.answer(third))["result"] == {"stopReason": "end_turn"}
    assert peer.said() == "onethree"


async def test_content_blocks() -> None:
    scripted = host(text_answer("ok"))
    blocks: list[Json] = [
        {"type": "text", "text": "look", "_meta": {"x": 1}},
        {"type": "resource_link", "uri": "file:///a.py", "name": "a.py", "description": "a script"},
        {"type": "image", "data": "aGk=", "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "file:///b.py", "text": "print()", "mimeType": "text/x-python"}},
        {"type": "resource", "resource": {"uri": "file:///c", "blob": "aGk=", "mimeType": "application/zip"}},
        {"type": "resource", "resource": {"uri": "file:///d", "blob": "aGk=", "mimeType": "image/jpeg"}},
    ]
    async with agent(scripted) as peer:
        session = await peer.new_session()
        await peer.call("session/prompt", {"sessionId": session, "prompt": blocks})
    assert scripted.requests[0].messages[0].parts == [
        Text("look\n[a.py](file:///a.py): a script"),
        Image("data:image/png;base64,aGk="),
        Text(
            '<resource uri="file:///b.py">\nprint()\n</resource>\n'
            '<resource uri="file:///c" type="application/zip">binary, not shown</resource>'
        ),
        Image("data:image/jpeg;base64,aGk="),
    ]


async def test_halves_of_characters_are_not_told_to_servers_which_could_not_read_them() -> None:
    """A text that was cut between them comes from clients that count in UTF-16."""
    scripted = host(text_answer("ok"))
    blocks: list[Json] = [
        {"type": "text", "text": "cut \ud83d"},
        {"type": "resource_link", "uri": "file:///a", "name": "\ud83d.py"},
        {"type": "resource", "resource": {"uri": "file:///b", "text": "\ude00 cut"}},
    ]
    async with agent(scripted) as peer:
        answer = await peer.call("session/prompt", {"sessionId": await peer.new_session(), "prompt": blocks})
        assert answer["result"] == {"stopReason": "end_turn"}
    text = 'cut ?\n[?.py](file:///a)\n<resource uri="file:///b">\n? cut\n</resource>'
    assert scripted.requests[0].messages[0].parts == [Text(text)]


@pytest.mark.parametrize(
    ("block", "named"),
    [
        ({"type": "audio", "data": "", "mimeType": "audio/wav"}, "prompt[0]"),
        ({"type": "video"}, "prompt[0].type"),
        ({"type": "text"}, "text"),
        ({"type": "text", "text": 5}, "prompt[0].text"),
        ({"type": "image", "data": "***", "mimeType": "image/png"}, "prompt[0].data"),
        ({"type": "image", "data": "aGk=", "mimeType": "text/html"}, "prompt[0]"),
        ({"type": "resource", "resource": {"uri": "x:y"}}, "prompt[0].resource"),
    ],
)
async def test_a_block_that_cannot_be_carried_is_named(block: Json, named: str) -> None:
    async with agent() as peer:
        session = await peer.new_session()
        error = (await peer.call("session/prompt", {"sessionId": session, "prompt": [block]}))["error"]
        assert error["code"] == -32602
        assert named in error["message"]


async def test_at_the_limit_the_longest_idle_session_makes_room_and_busy_ones_do_not() -> None:
    gate = trio.Event()
    scripted = host([gate, *text_answer("a")], [gate, *text_answer("b")])
    async with agent(scripted, acp={"sessions": {"max_concurrent": 2}}) as peer:
        first, _ = await peer.new_session(), await peer.new_session()
        running = [await peer.prompt(first)]
        third = await peer.new_session()
        running.append(await peer.prompt(third))
        refused = await peer.call("session/new", {"cwd": "/"})
        assert refused["error"]["code"] == -32603
        assert "max_concurrent" in refused["error"]["message"]
        gate.set()
        for prompt in running:
            assert "result" in await peer.answer(prompt)


async def test_the_model_picker() -> None:
    scripted = host(text_answer("a"), text_answer("b"))
    async with agent(scripted, acp={"default_model": "special"}) as peer:
        await peer.initialize()
        opened = (await peer.call("session/new", {"cwd": "/"}))["result"]
        option = opened["configOptions"][0]
        assert (option["category"], option["currentValue"]) == ("model", "special")
        assert [choice["value"] for choice in option["options"]] == ["special", "m", "n"]
        session = opened["sessionId"]
        await peer.answer(await peer.prompt(session))
        choice = {"sessionId": session, "configId": "model", "value": "n"}
        answer = await peer.call("session/set_config_option", choice)
        assert answer["result"]["configOptions"][0]["currentValue"] == "n"
        await peer.answer(await peer.prompt(session))
        for wrong in ({"value": "x"}, {"value": True}, {"configId": "pace"}):
            assert (await peer.call("session/set_config_option", {**choice, **wrong}))["error"]["code"] == -32602
    assert [request.model for request in scripted.requests] == ["special", "n"]


async def test_without_any_model_the_turn_fails_clearly() -> None:
    async with agent(ScriptedHost(names=())) as peer:
        await peer.initialize()
        opened = (await peer.call("session/new", {"cwd": "/"}))["result"]
        assert [option["id"] for option in opened["configOptions"]] == ["mode", "thought_level"]
        error = (await peer.answer(await peer.prompt(opened["sessionId"])))["error"]
        assert "acp.default_model" in error["message"]
