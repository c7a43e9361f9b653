"""Two backends, one of which fails in each way there is before the first content: nobody notices.

`.ci/long` sends a thousand requests at each fault, the suite a hundred.
"""

from __future__ import annotations

import pytest
import trio
from hypothesis import settings

from continuum.chat import Fold
from continuum.config import from_mapping
from continuum.core import Call, Operation
from continuum.dialects import DIALECTS
from continuum.dialects.openai_chat import open_envelope
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import FAULTS, WORDS, Promise, open_upstream

CONNECTIONS = 64
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]%b}'
EARLY = [name for name, fault in FAULTS.items() if fault.promise is Promise.REPLACED]
WIDE = {"endless-line", "bomb"}
"""Rows whose answers are many megabytes each."""
TEXT = "".join(WORDS)


def requests(name: str) -> int:
    if settings.get_current_profile_name() == "long":
        return 1000
    return 20 if name in WIDE else 100


async def answer(instance: Instance, *, stream: bool) -> str:
    envelope = open_envelope(BODY % (b', "stream": true' if stream else b""))
    call = Call.of_body(Operation.CHAT, DIALECTS["openai_chat"], envelope, request_id="test")
    async with await instance.engine.open(call) as reply:
        if reply.body is not None:
            return DIALECTS["openai_chat"].read_response(reply.body).text
        folder = Fold()
        async for frame in reply:
            for event in frame.events:
                folder.add(event)
        return folder.response.text


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", EARLY)
async def test_no_caller_sees_the_fault(name: str) -> None:
    fault = FAULTS[name]
    answers: list[str] = []
    opened = open_upstream(fault.answer, listens=fault.listens, deaf=fault.deaf)
    async with opened as bad, open_upstream() as good:
        backends = [
            {"name": each, "type": "openai", "url": upstream.url, "models": ["m"]}
            for each, upstream in (("bad", bad), ("good", good))
        ]
        times = {"first_byte": "2s" if fault.silent else "60s"}  # as much as a busy machine may take for the good one
        config = from_mapping(
            {
                "backends": backends,
                "health_checks": {"enabled": False},
                "timeouts": {
                    "connection": times["first_byte"],
                    "request": {"standard": times, "streaming": times},
                },
            }
        )
        async with open_instance(config) as instance, trio.open_nursery() as nursery:
            left = iter(range(requests(name)))

            async def work() -> None:
                for number in left:
                    stream = fault.stream and (number % 2 == 0 or not fault.plain)
                    answers.append(await answer(instance, stream=stream))

            for _ in range(CONNECTIONS):
                nursery.start_soon(work)
        assert answers == [TEXT] * requests(name)
        breaker, retries = instance.pool.backends[0].breaker, instance.engine.retries
        assert breaker.opened or name in {"status-401", "status-403", "status-429"}
        assert (retries.active, retries.repeating) == (0, 0)
        assert len(good.calls) == requests(name)
