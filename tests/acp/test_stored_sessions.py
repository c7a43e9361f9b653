"""Sessions that last: load, resume, list, close, delete, fork, and what is put to sleep, through the whole agent."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from acp_peer import Json, Peer, ScriptedHost, Step, agent, config_of, text_answer
from patience import promised

from continuum.acp.archive import Turn
from continuum.acp.inbound import Inbound
from continuum.acp.session import Settings
from continuum.acp.sessions import Places, SessionTable
from continuum.chat import Message, Usage, UsageReported
from continuum.errors import NoBackendAvailable
from continuum.storage.memory import MemorySessions

SQLITE: Json = {"sessions": {"storage": "sqlite"}}


def host(*answers: Sequence[Step]) -> ScriptedHost:
    scripted = ScriptedHost()
    scripted.answers.extend(answers)
    return scripted


async def opened(peer: Peer, method: str, session: str, cwd: str = "/") -> Json:
    answer = await peer.call(f"session/{method}", {"sessionId": session, "cwd": cwd, "mcpServers": []})
    result: Json = answer["result"]
    return result


async def listed(peer: Peer, **params: Any) -> Json:
    result: Json = (await peer.call("session/list", params))["result"]
    return result


async def test_load_replays_and_resume_does_not(tmp_path: Path) -> None:
    scripted = host(text_answer("Hel", "lo"), text_answer("again"))
    async with agent(scripted, acp=SQLITE, storage=tmp_path) as peer:
        session = await peer.new_session()
        for text in ("first", "second"):
            await peer.answer(await peer.prompt(session, text))
        assert await peer.wait_exit() == 0
    scripted = host(text_answer("third answer"))
    async with agent(scripted, acp=SQLITE, storage=tmp_path) as peer:
        await peer.initialize()
        resumed = await opened(peer, "resume", session)
        assert peer.updates == []
        loaded = await opened(peer, "load", session)
        assert loaded == resumed
        assert {"modes", "configOptions"} == loaded.keys()
        told = [(update["update"]["sessionUpdate"], update["update"]["content"]["text"]) for update in peer.updates]
        assert told == [
            ("user_message_chunk", "first"),
            ("agent_message_chunk", "Hello"),
            ("user_message_chunk", "second"),
            ("agent_message_chunk", "again"),
        ]
        await peer.answer(await peer.prompt(session, "third"))
    assert [text for _, text in scripted.texts(0)] == ["first", "Hello", "second", "again", "third"]


async def test_the_commands_come_behind_the_answer() -> None:
    async with agent() as peer:
        await peer.initialize()
        session = "none"
        for method in ("new", "load"):
            await peer.ask(f"session/{method}", {"sessionId": session, "cwd": "/"})
            session = (await peer.receive_any())["result"].get("sessionId", session)
            update = (await peer.receive_any())["params"]["update"]
            assert update["sessionUpdate"] == "available_commands_update"
            names = [command["name"] for command in update["availableCommands"]]
            assert names == ["model", "mode", "backends", "status", "compact", "help"]


@pytest.mark.parametrize("method", ["load", "resume", "fork", "close", "prompt", "set_mode"])
@pytest.mark.parametrize("ident", ["sess_none", "", "../x", "\ud800", "x" * 1000])
async def test_an_unknown_session_has_its_code(method: str, ident: str) -> None:
    more: Json = {"cwd": "/", "prompt": [{"type": "text", "text": "x"}], "modeId": "ask"}
    async with agent() as peer:
        await peer.new_session()
        answer = await peer.call(f"session/{method}", {"sessionId": ident, **more})
        assert answer["error"]["code"] == -32002


async def test_list_pages_the_last_updated_first_and_by_folder(tmp_path: Path) -> None:
    async with agent(host(*(text_answer("x") for _ in range(104))), acp=SQLITE, storage=tmp_path) as peer:
        await peer.new_session()  # nothing was said in it: not listed
        sessions: list[str] = []
        for number in range(103):
            params: Json = {"cwd": "/odd" if number % 2 else "/even", "mcpServers": []}
            sessions.append((await peer.call("session/new", params))["result"]["sessionId"])
            await peer.answer(await peer.prompt(sessions[-1], f"title {number}"))
        pages: list[Json] = [await listed(peer)]
        while "nextCursor" in pages[-1]:
            pages.append(await listed(peer, cursor=pages[-1]["nextCursor"]))
        assert [len(page["sessions"]) for page in pages] == [50, 50, 3]
        rows = [each for page in pages for each in page["sessions"]]
        assert {each["sessionId"] for each in rows} == set(sessions)
        times = [each["updatedAt"] for each in rows]
        assert times == sorted(times, reverse=True)
        assert {(each["title"], each["cwd"]) for each in rows} == {
            (f"title {number}", "/odd" if number % 2 else "/even") for number in range(103)
        }
        odd = await listed(peer, cwd="/odd")
        assert {each["cwd"] for each in odd["sessions"]} == {"/odd"}
        assert (await listed(peer, cwd="/nowhere")) == {"sessions": []}
        for cursor in ("nonsense", "", "\ud800", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA=="):
            assert (await peer.call("session/list", {"cursor": cursor}))["error"]["code"] == -32602


async def test_close_leaves_it_stored_and_delete_does_not() -> None:
    never = trio.Event()
    async with agent(host(text_answer("a"), [never], text_answer("b"))) as peer:
        session = await peer.new_session()
        await peer.answer(await peer.prompt(session, "one"))
        running = await peer.prompt(session, "two")
        assert (await peer.call("session/close", {"sessionId": session}))["result"] == {}
        assert (await peer.answer(running))["result"]["stopReason"] == "cancelled"
        assert (await peer.answer(await peer.prompt(session)))["error"]["code"] == -32002
        await opened(peer, "load", session)
        assert peer.said() == "aa"
        for _ in range(2):
            assert (await peer.call("session/delete", {"sessionId": session}))["result"] == {}
        assert (await peer.call("session/load", {"sessionId": session, "cwd": "/"}))["error"]["code"] == -32002
        assert (await listed(peer))["sessions"] == []


async def test_a_session_that_is_deleted_while_it_answers_stays_deleted() -> None:
    scripted = host([*text_answer("half")[:-1], trio.Event()])
    async with agent(scripted) as peer:
        session = await peer.new_session()
        running = await peer.prompt(session)
        await peer.update()
        await peer.call("session/delete", {"sessionId": session})
        assert (await peer.answer(running))["result"]["stopReason"] == "cancelled"
        assert (await listed(peer))["sessions"] == []


async def test_a_fork_goes_its_own_way() -> None:
    scripted = host(text_answer("a"), text_answer("b"), text_answer("c"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        await peer.answer(await peer.prompt(session, "one"))
        fork = (await opened(peer, "fork", session))["sessionId"]
        assert fork != session
        await peer.answer(await peer.prompt(fork, "two"))
        await peer.answer(await peer.prompt(session, "three"))
        assert {each["sessionId"] for each in (await listed(peer))["sessions"]} == {session, fork}
    assert [text for _, text in scripted.texts(1)] == ["one", "a", "two"]
    assert [text for _, text in scripted.texts(2)] == ["one", "a", "three"]


async def test_what_was_shown_before_a_cancel_is_kept_and_what_was_not_is_not(tmp_path: Path) -> None:
    never = trio.Event()
    failing: list[Sequence[Step]] = [[NoBackendAvailable("down")], [*text_answer("half")[:-1], never], [never]]
    async with agent(host(*failing), acp=SQLITE, storage=tmp_path) as peer:
        session = await peer.new_session()
        assert "error" in await peer.answer(await peer.prompt(session, "lost"))
        for shows in (True, False):
            prompt = await peer.prompt(session, f"shows {shows}")
            if shows:
                await peer.update()
            await peer.cancel(session)
            await peer.answer(prompt)
    async with agent(acp=SQLITE, storage=tmp_path) as peer:
        await peer.initialize()
        await opened(peer, "load", session)
        assert [update["update"]["content"]["text"] for update in peer.updates] == ["shows True", "half"]


async def test_a_turn_goes_on_when_its_session_is_loaded_again_and_can_be_cancelled() -> None:
    scripted = host([*text_answer("half")[:-1], trio.Event()])
    async with agent(scripted) as peer:
        session = await peer.new_session()
        running = await peer.prompt(session)
        await peer.update()
        await opened(peer, "load", session)
        await peer.cancel(session)
        with trio.fail_after(promised(1)):
            assert (await peer.answer(running))["result"]["stopReason"] == "cancelled"


async def test_choices_are_restored_but_for_the_widest_mode(tmp_path: Path) -> None:
    async with agent(acp=SQLITE, storage=tmp_path) as peer:
        sessions = [await peer.new_session(), await peer.new_session()]
        for session, mode in zip(sessions, ("read_only", "yolo"), strict=True):
            for option, value in (("model", "n"), ("mode", mode), ("thought_level", "high")):
                params = {"sessionId": session, "configId": option, "value": value}
                await peer.call("session/set_config_option", params)
    async with agent(acp=SQLITE, storage=tmp_path) as peer:
        await peer.initialize()
        for session, mode in zip(sessions, ("read_only", "ask"), strict=True):
            options = (await opened(peer, "resume", session))["configOptions"]
            assert [option["currentValue"] for option in options] == ["n", mode, "high"]


async def test_what_a_session_has_cost_outlives_the_process(tmp_path: Path) -> None:
    def paid() -> ScriptedHost:
        *steps, end = text_answer("x")
        return ScriptedHost(deque([[*steps, UsageReported(Usage(100, 20)), end]]), context_window=1000, cost=0.25)

    async with agent(paid(), acp=SQLITE, storage=tmp_path) as peer:
        session = await peer.new_session()
        await peer.answer(await peer.prompt(session))
    async with agent(paid(), acp=SQLITE, storage=tmp_path) as peer:
        await peer.initialize()
        await opened(peer, "resume", session)
        await peer.answer(await peer.prompt(session))
        updates = [each["update"] for each in peer.notices]
        (told,) = [each for each in updates if each["sessionUpdate"] == "usage_update"]
    assert told["cost"] == {"amount": 0.5, "currency": "USD"}


async def test_modes_and_options_keep_in_step() -> None:
    scripted = host(text_answer("x"))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        assert (await peer.call("session/set_mode", {"sessionId": session, "modeId": "yolo"}))["result"] == {}
        options = (await peer.notice_kept("config_option_update"))["configOptions"]
        assert [option["currentValue"] for option in options] == ["m", "yolo", "default"]
        params = {"sessionId": session, "configId": "mode", "value": "read_only"}
        answer = (await peer.call("session/set_config_option", params))["result"]
        assert answer["configOptions"][1]["currentValue"] == "read_only"
        assert (await peer.notice_kept("current_mode_update"))["currentModeId"] == "read_only"
        assert (await opened(peer, "resume", session))["modes"]["currentModeId"] == "read_only"
        wrong = await peer.call("session/set_mode", {"sessionId": session, "modeId": "root"})
        assert wrong["error"]["code"] == -32602
        level = {"sessionId": session, "configId": "thought_level", "value": "low"}
        assert "result" in await peer.call("session/set_config_option", level)
        assert (await peer.call("session/set_model", {"sessionId": session, "modelId": "n"}))["result"] == {}
        await peer.answer(await peer.prompt(session))
    assert (scripted.requests[0].model, scripted.requests[0].reasoning_effort) == ("n", "low")


def test_a_session_nobody_uses_leaves_memory_and_comes_back_with_its_history() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            table = SessionTable(ScriptedHost(), Settings.of(config_of().acp), MemorySessions(), nursery)
            nursery.start_soon(table.put_to_sleep, 3600.0)
            idle, busy = table.open(Places("/")), table.open(Places("/"))
            busy.prompts.append(Inbound(1, None))
            idle.mode = "yolo"
            said = Message.of_text("user", "hello")
            idle.remember([said])
            table.keep(idle, Turn([said]))
            await trio.sleep(3500)
            assert table.find(idle.id) is idle  # which counts as a use
            await trio.sleep(3500)
            assert not idle.ended.is_set()
            await trio.sleep(200)
            assert idle.ended.is_set()
            assert not busy.ended.is_set()
            asleep = table.find(idle.id)
            assert asleep is not None
            assert (asleep.asleep, asleep.history, asleep.mode) == (True, [], "yolo")
            await table.wake(asleep)
            assert (asleep.asleep, asleep.history) == (False, [said])
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_at_the_limit_a_session_that_slept_is_woken_for_its_prompt() -> None:
    used = UsageReported(Usage(100, 20))
    answers = [[*steps, used, end] for *steps, end in map(text_answer, ("one", "two", "three"))]
    scripted = ScriptedHost(deque(answers), context_window=1000, cost=0.25)
    async with agent(scripted, acp={"sessions": {"max_concurrent": 1}}) as peer:
        first = await peer.new_session()
        await peer.answer(await peer.prompt(first, "a"))
        second = await peer.new_session()
        await peer.answer(await peer.prompt(second, "b"))
        await peer.answer(await peer.prompt(first, "c"))
        updates = [each["update"] for each in peer.notices]
    assert [text for _, text in scripted.texts(2)] == ["a", "one", "c"]
    costs = [each["cost"]["amount"] for each in updates if each["sessionUpdate"] == "usage_update"]
    assert costs == [0.25, 0.25, 0.5]


async def test_a_store_that_cannot_be_opened_is_told_and_the_agent_works(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    async with agent(host(text_answer("x")), acp=SQLITE, storage=tmp_path / "file") as peer:
        assert "result" in await peer.answer(await peer.prompt(await peer.new_session()))
    assert "sessions are kept in memory only" in caplog.text


async def test_a_store_that_there_is_not_yet() -> None:
    async with agent(acp={"sessions": {"storage": "redis"}}) as peer:
        await peer.initialize()
        error = (await peer.call("session/new", {"cwd": "/"}))["error"]
        assert "acp.sessions.storage: redis is not supported yet" in error["message"]
        assert await peer.wait_exit() == 2
