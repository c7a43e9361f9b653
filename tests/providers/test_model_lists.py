"""Lists of models as servers send them: what is usable is taken, nonsense is that server's own trouble."""

from __future__ import annotations

import pytest

from continuum.errors import UpstreamProtocolError
from continuum.providers import ModelInfo
from continuum.providers.listing import read_openai_models


@pytest.mark.parametrize(
    ("listing", "models"),
    [
        (b'{"data": []}', []),
        (b'{"data": [{"id": "a", "object": "model", "created": 5, "owned_by": "x"}]}', [ModelInfo("a", "x", 5)]),
        (b'{"data": [{"id": "v", "max_model_len": 4096}]}', [ModelInfo("v", context_window=4096)]),
        (
            b'{"data": [{"id": "l", "owned_by": "llamacpp", "meta": {"n_ctx": 8192}}]}',
            [ModelInfo("l", "llamacpp", 0, 8192)],
        ),
        (b'{"data": [{"id": ""}, {"id": "a\\nb"}, {"id": "ok", "created": 1e300}]}', [ModelInfo("ok")]),
    ],
)
def test_what_is_usable_is_taken(listing: bytes, models: list[ModelInfo]) -> None:
    assert read_openai_models(listing) == models


@pytest.mark.parametrize(
    ("said", "window"),
    [
        ('"meta": {"n_ctx": 4096, "n_ctx_train": 32768}', 4096),
        ('"meta": {"n_ctx_train": 32768}', 32768),
        ('"meta": {"vocab_type": 2}, "max_model_len": 100', 100),
        ('"max_context_length": 131072, "loaded_context_length": 8192', 8192),
        ('"context_length": 200000, "top_provider": {"context_length": 1}', 200_000),
        ('"context_window": 131072', 131_072),
        ('"max_context_length": 32768', 32_768),
        ('"max_model_len": null, "context_length": "many", "context_window": -1', None),
    ],
)
def test_a_context_window_is_read_by_whatever_name_a_server_has_for_it(said: str, window: int | None) -> None:
    (found,) = read_openai_models(f'{{"data": [{{"id": "m", {said}}}]}}'.encode())
    assert found.context_window == window


@pytest.mark.parametrize("listing", [b"", b"<html>", b"{}", b'{"data": {}}', b'{"data": [{}]}', b"\xff", b"[" * 50_000])
def test_what_is_no_list_is_a_protocol_error(listing: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        read_openai_models(listing)
