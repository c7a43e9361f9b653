"""What stands around a turn: its title and usage, slash commands, project instructions, and what fits the window."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from acp_peer import Json, Peer, ScriptedHost, Step, agent, text_answer
from hypothesis import given
from hypothesis import strategies as st

from continuum.acp.budget import fitting, halved, size_of
from continuum.acp.instructions import MAX_BYTES, read_instructions
from continuum.acp.journal import Journal
from continuum.chat import Message, Text, ToolResult, ToolUse, Usage, UsageReported
from continuum.core import Fallen
from continuum.errors import UpstreamRejected


def host(*answers: Sequence[Step], window: int | None = None) -> ScriptedHost:
    scripted = ScriptedHost(context_window=window)
    scripted.answers.extend(answers)
    return scripted


def used(text: str, usage: Usage) -> list[Step]:
    *steps, end = text_answer(text)
    return [*steps, UsageReported(usage), end]


async def say(peer: Peer, session: str, text: str) -> str:
    """Prompt and wait; what was said to it."""
    before = len(peer.said())
    await peer.answer(await peer.prompt(session, text))
    return peer.said()[before:]


def notices(peer: Peer, kind: str) -> list[Json]:
    return [told["update"] for told in peer.notices if told["update"]["sessionUpdate"] == kind]


async def test_the_first_turn_gives_the_title() -> None:
    async with agent(host(*[text_answer("x")] * 2)) as peer:
        session = await peer.new_session()
        for text in ("\n  Fix   the\tbuild \nplease", "and more"):
            await say(peer, session, text)
        (info,) = notices(peer, "session_info_update")
        assert info["title"] == "Fix the build"
        assert info["updatedAt"].endswith("Z")
        other = await peer.new_session()
        await say(peer, other, "/help")
        assert (await peer.call("session/list", {}))["result"]["sessions"][0].get("title") in {None, "Fix the build"}


async def test_a_long_title_is_cut() -> None:
    async with agent(host(text_answer("x"))) as peer:
        await say(peer, await peer.new_session(), "word " * 100)
        (info,) = notices(peer, "session_info_update")
        assert len(info["title"]) <= 80
        assert info["title"].endswith("word…")


async def test_usage_is_in_the_answer_and_in_the_ring() -> None:
    scripted = host(used("x", Usage(100, 20, cached_tokens=30, reasoning_tokens=5)), text_answer("y"), window=1000)
    async with agent(scripted) as peer:
        session = await peer.new_session()
        answer = await peer.answer(await peer.prompt(session))
        assert answer["result"]["usage"] == {
            "totalTokens": 120,
            "inputTokens": 100,
            "outputTokens": 20,
            "thoughtTokens": 5,
            "cachedReadTokens": 30,
        }
        assert "usage" not in (await peer.answer(await peer.prompt(session)))["result"]
        assert notices(peer, "usage_update") == [{"sessionUpdate": "usage_update", "used": 120, "size": 1000}]


async def test_what_a_session_has_cost_is_told_until_a_price_is_not_known() -> None:
    answers = [used("x", Usage(100, 20)) for _ in range(3)]
    scripted = host(*answers, window=1000)
    scripted.cost = 0.25
    async with agent(scripted) as peer:
        session = await peer.new_session()
        for cost in (0.25, 0.25, None):
            scripted.cost = cost
            await peer.answer(await peer.prompt(session))
        told = [update.get("cost") for update in notices(peer, "usage_update")]
    assert told == [{"amount": 0.25, "currency": "USD"}, {"amount": 0.5, "currency": "USD"}, None]


async def test_what_a_summary_costs_is_counted_too() -> None:
    scripted = host(*[used("x", Usage(100, 20)) for _ in range(3)], window=1000)
    scripted.cost = 0.25
    async with agent(scripted) as peer:
        session = await peer.new_session()
        for text in ("a", "/compact", "b"):
            await say(peer, session, text)
        told = [update["cost"]["amount"] for update in notices(peer, "usage_update")]
    assert told == [0.25, 0.75]


async def test_a_window_nobody_knows_is_not_made_up() -> None:
    async with agent(host(used("x", Usage(1, 2)))) as peer:
        await peer.answer(await peer.prompt(await peer.new_session()))
        assert notices(peer, "usage_update") == []


async def test_a_retry_is_told_once_as_a_thought() -> None:
    scripted = host(text_answer("x"), text_answer("y"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        scripted.attempts = 2
        await say(peer, session, "a")
        assert peer.said("agent_thought_chunk") == "Attempt 2 worked: b answers"
        scripted.attempts = 1
        await say(peer, session, "b")
        assert peer.said("agent_thought_chunk") == "Attempt 2 worked: b answers"


async def test_another_model_is_told_once_as_a_thought() -> None:
    scripted = host(text_answer("x"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        scripted.attempts, scripted.fallback = 4, Fallen("big", "small", "timeout", 1)
        await say(peer, session, "a")
        assert peer.said("agent_thought_chunk") == "big could not answer (timeout): small does"


async def test_commands_are_answered_without_the_model() -> None:
    scripted = host(text_answer("x"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        assert "`/compact [what matters]`" in await say(peer, session, "/help")
        listed = await say(peer, session, "/model")
        assert "- `m` (current)" in listed
        assert "- `n`" in listed
        assert await say(peer, session, " /model  n ") == "Model: `n`"
        assert "no model `z`" in await say(peer, session, "/model z")
        assert await say(peer, session, "/mode read_only") == "Mode: `read_only`"
        assert notices(peer, "current_mode_update")[-1]["currentModeId"] == "read_only"
        assert notices(peer, "config_option_update")[-1]["configOptions"][0]["currentValue"] == "n"
        assert await say(peer, session, "/backends") == "Backends:\n- `b`: usable, 2 models, 0 in flight"
        status = await say(peer, session, "/status")
        assert "- Mode: `read_only`" in status
        assert "- Context: about 0 tokens; the window of this model is not known" in status
        assert await say(peer, session, "/compact") == "There is nothing to compact yet."
        assert not scripted.requests
        assert await say(peer, session, "/etc/hosts: what is it?") == "x"
    assert scripted.texts(0) == [("user", "/etc/hosts: what is it?")]  # what commands said is not the model's business


async def test_compact_replaces_the_history_and_load_still_shows_it() -> None:
    scripted = host(text_answer("long"), text_answer("in short"), text_answer("y"), text_answer("z"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        await say(peer, session, "tell")
        assert (await say(peer, session, "/compact names")).endswith("\n\nin short")
        assert scripted.texts(1)[:2] == [("user", "tell"), ("assistant", "long")]
        assert scripted.texts(1)[2][1].endswith("Above all: names")
        await say(peer, session, "go on")
        await peer.call("session/close", {"sessionId": session})
        peer.updates.clear()
        await peer.call("session/load", {"sessionId": session, "cwd": "/"})
        shown = [update["update"]["content"]["text"] for update in peer.updates]
        assert (shown[:3], shown[4:]) == (["tell", "long", "/compact names"], ["go on", "y"])
        await say(peer, session, "and on")
    for call in (2, 3):
        assert scripted.texts(call)[0] == ("user", "Summary of our conversation so far:\n\nin short")
        assert "tell" not in dict(scripted.texts(call)).values()


def test_instructions_from_the_folder_up_to_the_repositorys_root(tmp_path: Path) -> None:
    inner = tmp_path / "repo" / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "AGENTS.md").write_text("outside", "utf-8")
    (tmp_path / "repo" / "AGENTS.md").write_text("of the root\n", "utf-8")
    (inner / "AGENTS.md").write_text("near " * MAX_BYTES, "utf-8")
    assert [each.text[:4] for each in read_instructions(str(inner))] == ["near"]  # no repository: its own alone
    (tmp_path / "repo" / ".git").mkdir()
    (inner.parent / "AGENTS.md").mkdir()  # bears the name, and is no file
    root, near = read_instructions(str(inner))
    assert root == (str(tmp_path / "repo" / "AGENTS.md"), "of the root", False)
    assert (near.cut, len(near.text)) == (True, MAX_BYTES)
    assert read_instructions(str(tmp_path / "nowhere")) == []


async def test_instructions_are_in_the_system_prompt_and_in_the_status(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("Use tabs.", "utf-8")
    scripted = host(text_answer("x"), text_answer("y"))
    async with agent(scripted, acp={"system_prompt": "be brief"}) as peer:
        await peer.initialize()
        opened = (await peer.call("session/new", {"cwd": str(tmp_path)}))["result"]
        await say(peer, opened["sessionId"], "hi")
        assert f"`{tmp_path}/AGENTS.md`" in await say(peer, opened["sessionId"], "/status")
        (tmp_path / "AGENTS.md").write_text("Use spaces.", "utf-8")
        await say(peer, opened["sessionId"], "hi")
    role, system = scripted.texts(0)[0]
    assert role == "system"
    assert system.startswith("be brief\n\n<instructions file=")
    assert "Use tabs." in system
    assert "Use spaces." in scripted.texts(1)[0][1]


async def test_history_is_trimmed_to_the_window_from_its_oldest_turns() -> None:
    long = "word " * 100
    scripted = host(*[text_answer("ok")] * 10, window=800)
    async with agent(scripted) as peer:
        session = await peer.new_session()
        for number in range(10):
            await say(peer, session, f"{number} {long}")
    sizes = [len(scripted.texts(number)) for number in range(10)]
    assert sizes[:3] == [1, 3, 5]
    assert sizes[3:] == [7] * 7 or sizes[-1] == sizes[-2] < 19
    assert scripted.texts(9)[-1][1].startswith("9 ")
    assert scripted.texts(9)[-3][1].startswith("8 ")
    assert scripted.texts(9)[0][0] == "user"


async def test_a_server_that_says_the_context_is_too_long_is_asked_with_less() -> None:
    too_long = UpstreamRejected("maximum context length is 10", status=400, code="context_length_exceeded")
    other = UpstreamRejected("no such thing", status=400)
    turns = [text_answer("ok")] * 4
    scripted = host(*turns, [too_long], [too_long], text_answer("short"), [other], [too_long] * 2)
    async with agent(scripted) as peer:
        session = await peer.new_session()
        for number in range(4):
            await say(peer, session, str(number))
        assert await say(peer, session, "now") == "short"
        assert [len(scripted.texts(call)) for call in (4, 5, 6)] == [9, 5, 3]
        assert "error" in await peer.answer(await peer.prompt(session, "other"))


PARTS = st.lists(st.sampled_from(["user", "assistant", "tools"]), max_size=12)


def conversation(kinds: Sequence[str]) -> list[Message]:
    messages: list[Message] = []
    for number, kind in enumerate(kinds):
        if kind == "tools":
            messages += [
                Message("assistant", [ToolUse(f"c{number}", "t", "{}")]),
                Message("tool", [ToolResult(f"c{number}", [Text("r" * number * 10)])]),
            ]
        else:
            messages.append(Message.of_text("user" if kind == "user" else "assistant", "w" * number * 10))
    return messages


@given(kinds=PARTS, window=st.integers(1, 2000))
def test_what_fits_is_a_tail_of_whole_turns(kinds: Sequence[str], window: int) -> None:
    history = conversation(kinds)
    kept = fitting(history, [], window)
    assert kept == history[len(history) - len(kept) :]
    assert size_of(kept) <= window
    assert not kept or kept[0].role == "user" or kept == history
    assert fitting(history, [], None) == history
    for part in (kept, halved(history)):
        calls = {p.id for m in part for p in m.parts if isinstance(p, ToolUse)}
        assert calls == {p.id for m in part for p in m.parts if isinstance(p, ToolResult)}
    assert not history or len(halved(history)) < len(history)


def test_a_journal_shows_finished_calls_and_no_terminals() -> None:
    journal = Journal()
    text = {"type": "text", "text": "a"}
    for update in (
        {"sessionUpdate": "tool_call", "toolCallId": "1", "title": "run", "status": "pending", "kind": "execute"},
        {"sessionUpdate": "tool_call_update", "toolCallId": "1", "content": [{"type": "terminal", "terminalId": "t"}]},
        {"sessionUpdate": "plan", "entries": [1]},
        {"sessionUpdate": "tool_call_update", "toolCallId": "1", "status": "completed", "rawOutput": {"output": "hi"}},
        {"sessionUpdate": "agent_message_chunk", "messageId": "m", "content": dict(text)},
        {"sessionUpdate": "agent_message_chunk", "messageId": "m", "content": dict(text)},
        {"sessionUpdate": "plan", "entries": [2]},
        {"sessionUpdate": "tool_call", "toolCallId": "2", "title": "cut off", "status": "in_progress"},
        {"sessionUpdate": "usage_update", "used": 1, "size": 2},
    ):
        journal.add(update)
    said = {"type": "content", "content": {"type": "text", "text": "hi"}}
    call, plan, message, cut = journal.take()
    assert (call["status"], call["content"], call["sessionUpdate"]) == ("completed", [said], "tool_call")
    assert plan["entries"] == [2]
    assert message["content"]["text"] == "aa"
    assert cut["status"] == "failed"
    assert journal.take() == []


@pytest.mark.parametrize(
    ("capabilities", "offered"),
    [
        ({}, False),
        ({"auth": {"terminal": True}}, True),
        ({"auth": {"terminal": False}}, False),
        ({"_meta": {"terminal-auth": True}}, True),
        ({"auth": "x", "_meta": []}, False),
    ],
)
async def test_the_terminal_method_is_offered_to_clients_that_can(capabilities: Json, offered: bool) -> None:  # noqa: FBT001 - a parameter
    async with agent() as peer:
        params = {"protocolVersion": 1, "clientCapabilities": capabilities}
        methods = (await peer.call("initialize", params))["result"]["authMethods"]
        assert [(method["type"], method["args"]) for method in methods] == (
            [("terminal", ["config", "init"])] if offered else []
        )
        assert (await peer.call("logout", {}))["result"] == {}
        assert "sessionId" in (await peer.call("session/new", {"cwd": "/"}))["result"]
