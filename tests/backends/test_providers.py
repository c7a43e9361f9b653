"""Each type of backend against a server with that vendor's face: what it is asked, where, and with which headers."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from continuum.chat import ChatRequest, Fold, Message
from continuum.config import from_mapping
from continuum.core import Call
from continuum.errors import AttemptsExhausted
from continuum.providers import PROVIDERS
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import FACES, WORDS, Plain, Request, open_upstream

KEY = "sk-of-the-backend"
QUIET = {"health_checks": {"enabled": False}}


async def answer(instance: Instance, model: str) -> str:
    folder = Fold()
    call = Call.of_chat(ChatRequest(model, [Message.of_text("user", "hi")]), request_id="test")
    async with await instance.engine.open(call) as reply:
        async for frame in reply:
            for event in frame.events:
                folder.add(event)
    return folder.response.text


async def conversed(kind: str, *, suffix: str = "", **more: Any) -> tuple[Request, Request, list[str]]:
    """The look and the call a backend gets, and the models listed for it."""
    async with open_upstream(face=kind, models=["m"]) as upstream:
        entry = {"name": "b", "type": kind, "url": upstream.url + suffix, "api_key": KEY, **more}
        async with open_instance(from_mapping({"backends": [entry], **QUIET})) as instance:
            models = [info.id for info in instance.models()]
            assert await answer(instance, "m") == "".join(WORDS)
        return upstream.looks[0], upstream.calls[0], models


BEARER = ("authorization", f"Bearer {KEY}")
HEADERS = {
    "azure": (("api-key", KEY), ("api-key", KEY)),
    "anthropic": (("x-api-key", KEY), BEARER),
}
CREDENTIALS = {"authorization", "api-key", "x-api-key"}


@pytest.mark.parametrize("kind", FACES)
async def test_models_are_found_and_called(kind: str) -> None:
    look, call, models = await conversed(kind)
    assert models == ["m"]
    assert look.target == PROVIDERS[kind].models_path
    assert call.model == "m"
    for request, header in zip((look, call), HEADERS.get(kind, (BEARER, BEARER)), strict=True):
        assert [each for each in request.headers if each[0] in CREDENTIALS] == [header]


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("suffix", ["/", "/v1", "/v1/"])
async def test_a_url_may_end_in_v1(kind: str, suffix: str) -> None:
    look, call, _ = await conversed(kind, suffix=suffix)
    assert not look.path.startswith("/v1/v1")
    assert FACES[kind].chat.fullmatch(call.path)


@pytest.mark.parametrize(
    ("kind", "suffix"), [("gemini", "/v1beta/openai/"), ("gemini", "/v1beta"), ("azure", "/openai")]
)
async def test_a_url_may_hold_what_the_vendor_puts_there(kind: str, suffix: str) -> None:
    _, call, _ = await conversed(kind, suffix=suffix)
    assert FACES[kind].chat.fullmatch(call.path)


async def test_azure_is_called_by_deployment_and_version() -> None:
    async with open_upstream(face="azure") as upstream:
        entry = {
            "name": "b",
            "type": "azure",
            "url": upstream.url,
            "api_key": KEY,
            "api_version": "2025-01-01-preview",
            "deployments": {"gpt-4o": "my deployment", "o1": "o1"},
        }
        async with open_instance(from_mapping({"backends": [entry], **QUIET})) as instance:
            assert [info.id for info in instance.models()] == ["gpt-4o", "o1"]
            await answer(instance, "gpt-4o")
            await answer(instance, "o1")
    assert [call.target for call in upstream.calls] == [
        f"/openai/deployments/{name}/chat/completions?api-version=2025-01-01-preview"
        for name in ("my%20deployment", "o1")
    ]
    assert upstream.looks == [], "its models are configured"


async def test_anthropic_is_told_the_version_of_its_own_api() -> None:
    look, call, _ = await conversed("anthropic")
    assert look.header("anthropic-version") == "2023-06-01"
    assert call.header("anthropic-version") is None


async def test_vendors_have_default_urls() -> None:
    defaults = {name: row.default_url for name, row in PROVIDERS.items() if row.default_url}
    assert defaults.keys() == {"openai", "anthropic", "gemini", "ollama"}
    assert defaults["ollama"] == "http://127.0.0.1:11434"


async def test_geminis_wrong_key_is_not_the_callers_fault() -> None:
    error = [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "X"}}]
    async with open_upstream(Plain(error, 400), face="gemini") as upstream:
        entry = {"name": "b", "type": "gemini", "url": upstream.url, "api_key": KEY, "models": ["m"]}
        async with open_instance(from_mapping({"backends": [entry], **QUIET})) as instance:
            with pytest.raises(AttemptsExhausted) as caught:
                await answer(instance, "m")
    assert caught.value.code == "upstream_auth"


@pytest.mark.parametrize("kind", ["vllm", "llamacpp", "ollama"])
@pytest.mark.parametrize("models", [[], ["m"]], ids=["discovered", "configured"])
async def test_a_generic_backend_is_what_its_list_shows(kind: str, models: list[str]) -> None:
    async with open_upstream(face=kind, models=["m"]) as upstream:
        entry = {"name": "b", "url": upstream.url, "models": models}
        async with open_instance(from_mapping({"backends": [entry], **QUIET})) as instance:
            (backend,) = instance.pool.backends
            await upstream.next_look()
            while backend.provider is not PROVIDERS[kind]:  # the list is read right after it was sent
                await trio.lowlevel.checkpoint()
            assert [info.id for info in instance.models()] == ["m"]
            assert await answer(instance, "m") == "".join(WORDS)
    assert backend.config.type == "generic", "the configuration keeps what was written"


async def test_a_generic_backend_stays_one_when_its_list_shows_nothing() -> None:
    async with (
        open_upstream() as upstream,
        open_instance(from_mapping({"backends": [{"name": "b", "url": upstream.url}], **QUIET})) as instance,
    ):
        assert instance.pool.backends[0].provider is PROVIDERS["generic"]
        assert await answer(instance, "test-model") == "".join(WORDS)
