"""The soak run can fail: it sees a leak and a broken promise. The run itself is a step of .ci/run, and .ci/long."""

import pytest
import soak
import trio
from patience import PATIENCE_S
from proc import Figures
from soak_load import Load, Tally

from continuum.testing.upstream import FAULTS, Answer, Hang, Plain, Raw, Request, open_upstream

MIB = 2**20


@pytest.mark.parametrize(("last", "fits"), [(100, True), (104, True), (106, False), (200, False), (90, True)])
def test_memory_that_grows_is_seen(last: int, *, fits: bool) -> None:
    outcome = soak.Outcome(Tally())
    outcome.samples = [Figures((100 + (last - 100) * number // 99) * MIB, 0, 0, 0) for number in range(100)]
    soak.judge_memory(outcome)
    assert (not outcome.faults) == fits


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (FAULTS["cut-by-end"].answer, "WRONG stream: ValueError"),
        (FAULTS["cut-by-close"].answer, "WRONG stream: AssertionError an answer without its end"),
        (Plain({"error": {"message": "oh", "code": None}}, 503), "WRONG plain: AssertionError"),
        (Plain({"error": {"message": "oh", "code": "x"}}, 500), "WRONG plain: AssertionError status 500"),
        (Plain(b"<html>", 502), "WRONG plain: JSONDecodeError"),
        (Raw((Hang(),)), "WRONG plain: no answer in 2 s"),
    ],
)
async def test_a_broken_promise_is_seen(answer: Answer, what: str) -> None:
    """A server that answers as no router should, in the router's place."""

    def script(request: Request) -> Answer:
        del request
        return answer

    async with open_upstream(script) as upstream, trio.open_nursery() as nursery:
        load = Load(
            upstream.url, (None,), clients=4, pause=0, seed=1, patience=2 if "no answer" in what else PATIENCE_S
        )
        nursery.start_soon(load.run)
        with trio.fail_after(PATIENCE_S):
            while not any(end.startswith(what) for end in load.tally.wrong):  # noqa: ASYNC110 - counts are no events
                await trio.sleep(0.01)
        load.stop()
    assert load.tally.asked == load.tally.ends.total() + load.tally.wrong.total()
