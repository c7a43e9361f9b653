"""A client that stops reading while a large answer streams, before the installed command: held, cancelled, read on."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from patience import promised
from stdio_agent import MIB, backend, cancel, open_agent, prompt

from continuum.testing.upstream import Request, Stream, open_upstream
from continuum.testing.upstream.steps import Step

PIECE = 16 * 1024


@dataclass
class Counted:
    """A streamed answer of so many pieces. sent: how many steps of it were taken."""

    pieces: int
    sent: int = 0

    @property
    def parts(self) -> list[str]:
        return [f"{number}:".ljust(PIECE, "x") for number in range(self.pieces)]

    def steps(self, request: Request) -> Iterable[Step]:
        for step in Stream(tuple(self.parts)).steps(request):
            self.sent += 1
            yield step

    async def held(self) -> None:
        """Wait until nothing of it is taken any more: not once in several looks, since a busy machine pauses, too."""
        before, unchanged = 0, 0
        while unchanged < 5:
            await trio.sleep(0.2)
            unchanged = unchanged + 1 if self.sent == before > 0 else 0
            before = self.sent


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
async def test_it_is_held_can_cancel_and_loses_nothing(continuum_command: str, tmp_path: Path) -> None:
    large, whole = Counted(24 * MIB // PIECE), Counted(4 * MIB // PIECE)
    async with (
        open_upstream(Stream(("warm",))) as upstream,
        open_agent(continuum_command, tmp_path, backend(upstream.url)) as agent,
    ):
        session = await agent.new_session()
        await agent.send(prompt(session, "warm"))
        await agent.answer("warm")
        await upstream.next_call()
        before = agent.memory()

        upstream.push(large)
        await agent.send(prompt(session, "large"))
        call = await upstream.next_call()
        await large.held()
        assert large.sent < large.pieces  # else nothing was to be seen
        assert agent.memory() - before < 12 * MIB
        await agent.send({"id": "late", "method": "no/such"}, cancel(session))
        with trio.fail_after(promised(1)):
            await call.aborted()
        assert agent.memory() - before < 12 * MIB
        assert (await agent.answer("large"))["result"]["stopReason"] == "cancelled"
        assert (await agent.answer("late"))["error"]["code"] == -32601
        got = agent.said()[1:]
        assert 0 < len(got) < large.pieces
        assert got == large.parts[: len(got)]

        agent.seen.clear()
        upstream.push(whole)
        await agent.send(prompt(session, "whole"))
        await whole.held()
        assert (await agent.answer("whole"))["result"]["stopReason"] == "end_turn"
        assert agent.said() == whole.parts
