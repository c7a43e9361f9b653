"""openai-python against whatever serves the ordinary scripted upstream: what its users do, and what they must see."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import openai
import pytest
import trio
from chat import MODEL, TEXT
from openai.types.chat import ChatCompletionMessageParam

from continuum.testing.upstream import Upstream

__all__ = ["HELLO", "converse", "leave", "sdk"]

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


def converse(base_url: str) -> None:
    """Plain, streamed, the models, and an error. Blocking."""
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=base_url, api_key="any", max_retries=0, http_client=http) as client:
        completion = client.chat.completions.create(model=MODEL, messages=HELLO)
        assert completion.choices[0].message.content == TEXT
        with client.chat.completions.create(model=MODEL, messages=HELLO, stream=True) as stream:
            assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == TEXT
        assert [model.id for model in client.models.list()] == [MODEL]
        assert client.models.retrieve(MODEL).id == MODEL
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="nobody-serves-this", messages=HELLO)


@asynccontextmanager
async def sdk(base_url: str) -> AsyncGenerator[openai.AsyncOpenAI]:
    """Its client on trio, which tries once."""
    async with (
        openai.DefaultAsyncHttpxClient(trust_env=False) as http,
        openai.AsyncOpenAI(base_url=base_url, api_key="any", max_retries=0, http_client=http) as client,
    ):
        yield client


async def leave(base_url: str, upstream: Upstream, *, stream: bool) -> None:
    """Ask, and leave before the answer ends, which the upstream leaves open after its first piece: it is told."""
    begun = trio.Event()
    async with sdk(base_url) as client, trio.open_nursery() as nursery:

        async def listen() -> None:
            if not stream:
                await client.chat.completions.create(model=MODEL, messages=HELLO)
            async for _ in await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True):
                begun.set()

        nursery.start_soon(listen)
        call = await upstream.next_call()
        if stream:
            await begun.wait()
        nursery.cancel_scope.cancel()
    await call.aborted()
