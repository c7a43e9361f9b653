"""Calls that are given up: in each phase the upstream is let go within a second, nothing counts against it, and the
phase is counted.
"""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from patience import PATIENCE_S, promised

from continuum.chat import ChatRequest, Message, Operation
from continuum.config import from_mapping
from continuum.core import Call
from continuum.dialects import DIALECTS
from continuum.dialects.openai_chat import open_envelope
from continuum.dialects.openai_completions import open_request as open_completion
from continuum.dialects.openai_embeddings import open_request as open_embedding
from continuum.metrics import Phase
from continuum.metrics.instruments import CANCELLED
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import FAULTS, Answer, Hang, HeadThen, Raw, Stream, TextCompletion, open_upstream


def body(operation: Operation, content: bytes) -> Call:
    dialect, open_body = {
        Operation.CHAT: ("openai_chat", open_envelope),
        Operation.COMPLETION: ("openai_completions", open_completion),
        Operation.EMBEDDING: ("openai_embeddings", open_embedding),
    }[operation]
    return Call.of_body(operation, DIALECTS[dialect], open_body(content), request_id="test")


CHAT = b'{"model": "m", "messages": []}'
CHAT_STREAM = b'{"model": "m", "messages": [], "stream": true}'
TEXT = b'{"model": "m", "prompt": "x"}'
TEXT_STREAM = b'{"model": "m", "prompt": "x", "stream": true}'
EMBEDDING = b'{"model": "m", "input": "x"}'

CASES: dict[str, tuple[Operation, bytes, Answer, Phase]] = {
    "chat, whole, before the head": (Operation.CHAT, CHAT, Raw((Hang(),)), "unstreamed"),
    "chat, whole, within the body": (Operation.CHAT, CHAT, HeadThen((Hang(),)), "unstreamed"),
    "chat, stream, before the head": (Operation.CHAT, CHAT_STREAM, Raw((Hang(),)), "before_content"),
    "chat, stream, after the role": (Operation.CHAT, CHAT_STREAM, Stream((), tail=(Hang(),)), "before_content"),
    "chat, stream, after content": (Operation.CHAT, CHAT_STREAM, Stream(("one", Hang())), "streaming"),
    "text, whole": (Operation.COMPLETION, TEXT, Raw((Hang(),)), "unstreamed"),
    "text, stream": (Operation.COMPLETION, TEXT_STREAM, Raw((Hang(),)), "before_content"),
    "text, after content": (Operation.COMPLETION, TEXT_STREAM, TextCompletion(("one",), tail=(Hang(),)), "streaming"),
    "embedding": (Operation.EMBEDDING, EMBEDDING, HeadThen((Hang(),)), "unstreamed"),
}


def running(url: str, **more: Any) -> Any:
    entry = {"name": "b", "type": "openai", "url": url, "models": ["m"]}
    return open_instance(from_mapping({"backends": [entry], "health_checks": {"enabled": False}, **more}))


async def take(instance: Instance, call: Call, content: trio.Event) -> None:
    async with await instance.engine.open(call) as reply:
        content.set()
        async for _ in reply:
            pass


@pytest.mark.parametrize("case", CASES)
async def test_the_upstream_is_let_go(case: str) -> None:
    operation, content, answer, phase = CASES[case]
    arrived = trio.Event()
    async with open_upstream(answer) as upstream, running(upstream.url) as instance:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, instance, body(operation, content), arrived)
            call = await upstream.next_call()
            if phase == "streaming":
                await arrived.wait()
            nursery.cancel_scope.cancel()
        left_at = trio.current_time()
        with trio.fail_after(PATIENCE_S):
            assert await call.aborted() - left_at < promised(1)
        assert instance.pool.meter.counts(CANCELLED) == {(phase,): 1}
        (backend,) = instance.pool.backends
        assert (backend.in_flight, instance.engine.retries.active) == (0, 0)


async def test_a_caller_may_leave_between_two_attempts() -> None:
    retry = {"base_delay": "30s", "max_delay": "30s", "jitter": False}
    async with open_upstream(FAULTS["status-500"].answer) as upstream, running(upstream.url, retry=retry) as instance:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, instance, body(Operation.CHAT, CHAT), trio.Event())
            call = await upstream.next_call()
            await call.answered.wait()
            with trio.fail_after(PATIENCE_S):
                while not instance.engine.retries.repeating:
                    await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
        assert instance.pool.meter.value(CANCELLED, "unstreamed") == 1
        assert (instance.engine.retries.active, instance.engine.retries.repeating) == (0, 0)
    assert len(upstream.calls) == 1


async def test_an_answer_that_came_whole_was_not_given_up() -> None:
    async with open_upstream() as upstream, running(upstream.url) as instance:
        call = Call.of_chat(ChatRequest("m", [Message.of_text("user", "hi")]), request_id="test")
        await take(instance, call, trio.Event())
        assert not instance.pool.meter.counts(CANCELLED)
