"""Lists of models as servers write them, and the kind of server they show."""

import json
from typing import Any

import pytest

from continuum.errors import UpstreamProtocolError
from continuum.providers import PROVIDERS, ModelInfo, detect
from continuum.providers.listing import read_openai_models
from continuum.testing.upstream import FACES


def page(face: str, path: str, *models: str) -> bytes:
    return json.dumps(FACES[face].pages(models)[path]).encode()


def listed(face: str, *models: str) -> list[ModelInfo]:
    row = PROVIDERS[face]
    return row.read_models(page(face, row.models_path.partition("?")[0], *models))


@pytest.mark.parametrize("face", FACES)
def test_every_vendors_list_is_read(face: str) -> None:
    assert [info.id for info in listed(face, "one", "two")] == ["one", "two"]
    assert listed(face) == []


def test_what_else_a_list_tells() -> None:
    assert listed("vllm", "m")[0].context_window == 4096
    assert listed("llamacpp", "m")[0].context_window == 4096
    assert listed("ollama", "m")[0] == ModelInfo("m", "library", 1759559643)
    assert listed("anthropic", "m")[0] == ModelInfo("m", "anthropic", 1739923200)


@pytest.mark.parametrize(
    ("face", "kind"), [("openai", None), ("vllm", "vllm"), ("llamacpp", "llamacpp"), ("ollama", "ollama")]
)
def test_a_list_shows_whose_it_is(face: str, kind: str | None) -> None:
    found = detect(page(face, "/v1/models", "m"))
    assert (found.name if found else None) == kind
    assert detect(page(face, "/v1/models")) is None, "an empty list shows nothing"


def test_an_alias_does_not_hide_llama_cpp() -> None:
    entry = {"id": "m", "owned_by": "me", "meta": {"n_ctx_train": 8192, "n_ctx": None}}
    found = detect(json.dumps({"data": [entry]}).encode())
    assert found is PROVIDERS["llamacpp"]


ODD: list[tuple[Any, list[str]]] = [
    ({"data": None}, []),
    ([{"id": "bare"}], ["bare"]),
    ({"data": [{"id": "odd", "owned_by": 7, "created": "soon", "meta": [], "max_model_len": True}]}, ["odd"]),
    ({"data": [{"id": "a", "created": 1.7e9}, {"id": ""}, {"id": 3}, "text", {"name": "x"}, {"id": "b\r\nc"}]}, ["a"]),
]


@pytest.mark.parametrize(("value", "ids"), ODD)
def test_odd_lists_are_read_as_far_as_they_go(value: Any, ids: list[str]) -> None:
    assert [info.id for info in read_openai_models(json.dumps(value).encode())] == ids


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data": 7}', b'"text"', b"\xff", b"[" * 100_000])
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        read_openai_models(body)
