"""Every row of the table of faults, through the real process: each answer is what its row promises."""

import pytest
import trio
from chat import TEXT, Received, ask, asked, client_of
from serving import Router

from continuum.testing.upstream import FAULTS, WORDS, Promise

GOOD = "good"
MODES = ("plain", "stream")
SENT_WORDS = "".join(WORDS[:2])

# A test asks until the faulty backend had its turn. Alone that is one of two requests; beside others, which take
# turns from the same strategy, it may be any.
TURNS = 50

# What a caller is told when nobody else serves the model, where it is not 502 upstream_error.
ALONE = {
    "status-401": (502, "upstream_auth"),
    "status-403": (502, "upstream_auth"),
    "status-429": (429, "rate_limit_exceeded"),
}

# After one of these the backend's key rests: only the first who asks sees it tried.
RESTS = {"status-401", "status-403", "status-429"}


def rows(promise: Promise, *, silent: bool = False) -> list[tuple[str, str]]:
    """Fault and mode of every row that promises this."""
    return [
        (name, mode)
        for name, fault in FAULTS.items()
        for mode in MODES
        if fault.promise is promise and fault.silent is silent and (fault.stream if mode == "stream" else fault.plain)
    ]


async def get(router: Router, model: str, mode: str) -> Received:
    async with client_of(router.url) as client:
        return await ask(client, asked(model, stream=mode == "stream"))


@pytest.mark.parametrize(("name", "mode"), rows(Promise.REPLACED))
async def test_another_backend_answers(router: Router, name: str, mode: str) -> None:
    await assert_replaced(router, name, mode)


async def assert_replaced(router: Router, name: str, mode: str) -> None:
    """Whichever backend has its turn first, the caller sees success; at least once the faulty one had it."""
    for _ in range(TURNS):
        received = await get(router, f"fault/{name}", mode)
        assert received.is_whole()
        assert received.text == TEXT
        assert received.headers["x-continuum-backend"] == GOOD
        if received.headers["x-continuum-attempts"] == "2" or name in RESTS:
            return
    pytest.fail("the faulty backend was never tried")


@pytest.mark.parametrize(("name", "mode"), rows(Promise.REPLACED))
async def test_without_another_backend_it_is_told(router: Router, name: str, mode: str) -> None:
    received = await get(router, f"alone/{name}", mode)
    status, code = ALONE.get(name, (502, "upstream_error"))
    assert (received.status, received.error["code"]) == (status, code)
    assert received.headers["content-type"].startswith("application/json")
    wait = received.headers.get("retry-after")
    assert (wait is not None and 0 < int(wait) <= 7) if status == 429 else wait is None, "seven seconds from the first"


@pytest.mark.parametrize(("name", "mode"), rows(Promise.INTERRUPTED))
async def test_a_broken_stream_is_never_passed_off_as_whole(router: Router, name: str, mode: str) -> None:
    await assert_interrupted(router, name, mode)


async def assert_interrupted(router: Router, name: str, mode: str) -> None:
    received = await get(router, f"alone/{name}", mode)
    assert received.status == 200
    assert received.ended, "the stream's own end is clean"
    assert received.text == SENT_WORDS
    assert received.finish_reasons == []
    assert not received.done
    assert received.events[-1].keys() == {"error"}
    assert received.error.keys() == {"message", "type", "param", "code"}
    assert received.error["code"] == "stream_interrupted"


@pytest.mark.parametrize(("name", "mode"), rows(Promise.INTERRUPTED))
async def test_nothing_is_replayed_after_content(router: Router, name: str, mode: str) -> None:
    """With a good backend at hand: either it had its turn, or the broken answer stays broken, its words said once."""
    for _ in range(TURNS):
        received = await get(router, f"fault/{name}", mode)
        assert received.headers["x-continuum-attempts"] == "1"
        if received.headers["x-continuum-backend"] != GOOD:
            assert received.text == SENT_WORDS
            return
        assert received.is_whole()
    pytest.fail("the faulty backend was never tried")


async def test_silence_is_waited_for_no_longer_than_configured(router: Router) -> None:
    """Every silent row at once, since each takes its time."""

    async def assert_timed_out(router: Router, name: str, mode: str) -> None:
        received = await get(router, f"alone/{name}", mode)
        assert (received.status, received.error["code"]) == (504, "upstream_timeout")

    async with trio.open_nursery() as nursery:
        for name, mode in rows(Promise.REPLACED, silent=True):
            nursery.start_soon(assert_replaced, router, name, mode)
            nursery.start_soon(assert_timed_out, router, name, mode)
        for name, mode in rows(Promise.INTERRUPTED, silent=True):
            nursery.start_soon(assert_interrupted, router, name, mode)


@pytest.mark.parametrize(("name", "mode"), rows(Promise.WHOLE))
async def test_an_odd_answer_arrives_whole(router: Router, name: str, mode: str) -> None:
    """Twice, so that an answer also leaves its connection usable, or dropped."""
    for _ in range(2):
        received = await get(router, f"alone/{name}", mode)
        assert received.is_whole()
        assert received.text == ("naïve 日本 🙂" if name == "split-utf8" else TEXT)
        assert received.headers["x-continuum-attempts"] == "1"
        assert "content-encoding" not in received.headers


@pytest.mark.parametrize(("name", "mode"), rows(Promise.RELAYED))
async def test_the_callers_own_fault_is_relayed_once(router: Router, name: str, mode: str) -> None:
    seen: set[str] = set()
    for _ in range(4):
        received = await get(router, f"fault/{name}", mode)
        if received.headers.get("x-continuum-backend") != GOOD:
            assert received.status == int(name.removeprefix("status-"))
            assert received.error["message"] in FAULTS[name].text
            seen.add("relayed")
    assert seen


@pytest.mark.parametrize(("name", "attempts"), [("status-500", 3), ("status-400", 1)])
async def test_an_error_names_what_was_tried(router: Router, name: str, attempts: int) -> None:
    received = await get(router, f"alone/{name}", "plain")
    assert received.headers["x-continuum-backend"] == f"bad-{name}"
    assert received.headers["x-continuum-model"] == f"alone/{name}"
    assert received.headers["x-continuum-attempts"] == str(attempts)
