"""What the agent asks its client, where the client never answers."""

import gc

import trio

from continuum.acp.client import Client
from continuum.acp.sent.requests import READ_FILE, RELEASE_TERMINAL, OfTerminal, ReadFile


class Deaf:
    """Takes every line and answers none."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def post(self, line: bytes) -> None:
        self.lines.append(line)

    async def room(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_client_that_never_answers_fills_no_memory() -> None:
    deaf = Deaf()
    client = Client(deaf)
    for _ in range(5):
        client.tell(RELEASE_TERMINAL, OfTerminal(sessionId="s", terminalId="t"))
        with trio.move_on_after(0):
            await client.request(READ_FILE, ReadFile(sessionId="s", path="/f"))
    assert len(deaf.lines) == 10
    gc.collect()
    kept = [each for each in gc.get_objects() if type(each).__name__ == "_Question"]
    assert len(kept) <= 1, "the frame of the last one may still be held"
