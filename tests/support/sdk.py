"""openai-python against whatever serves the ordinary scripted upstream: what its users do, and what they must see."""

import openai
import pytest
from chat import MODEL, TEXT
from openai.types.chat import ChatCompletionMessageParam

__all__ = ["HELLO", "converse"]

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
