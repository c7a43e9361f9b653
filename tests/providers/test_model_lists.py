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


@pytest.mark.parametrize("listing", [b"", b"<html>", b"{}", b'{"data": {}}', b'{"data": [{}]}', b"\xff", b"[" * 50_000])
def test_what_is_no_list_is_a_protocol_error(listing: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        read_openai_models(listing)
