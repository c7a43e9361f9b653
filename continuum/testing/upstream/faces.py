"""What the upstream looks like: as which vendor's server it lists its models, and where it takes chat requests.

A new face is a new row; nothing else knows their names.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import openai

Pages = Mapping[str, Any]
"""Path to JSON body."""

CONTEXT_WINDOW = 4096
PULLED = "2025-10-03T23:34:03.409490317-07:00"


@dataclass(frozen=True, slots=True)
class Face:
    """One row: the pages it answers to GET for these models, and the paths at which it takes chat requests."""

    pages: Callable[[Iterable[str]], Pages]
    chat: re.Pattern[str] = re.compile(r"/v1/chat/completions")


def _entries(models: Iterable[str], owner: str, **more: Any) -> dict[str, Any]:
    listed: list[dict[str, Any]] = openai.models(models)["data"]
    return {"object": "list", "data": [{**entry, "owned_by": owner, **more} for entry in listed]}


def _openai(models: Iterable[str]) -> Pages:
    return {"/v1/models": openai.models(models), "/health": {"status": "ok"}}


def _vllm(models: Iterable[str]) -> Pages:
    more: dict[str, Any] = {"root": "some/model", "parent": None, "max_model_len": CONTEXT_WINDOW, "permission": []}
    return {"/v1/models": _entries(models, "vllm", **more), "/health": {}}


def _llamacpp(models: Iterable[str]) -> Pages:
    meta = {"n_ctx": CONTEXT_WINDOW, "n_ctx_train": 8192, "n_vocab": 49152}
    return {"/v1/models": _entries(models, "llamacpp", meta=meta), "/health": {"status": "ok"}}


def _ollama(models: Iterable[str]) -> Pages:
    names = list(models)
    tags: list[dict[str, Any]] = [{"name": name, "model": name, "modified_at": PULLED, "size": 1} for name in names]
    listing = _entries(names, "library")
    return {"/v1/models": {**listing, "data": listing["data"] or None}, "/api/tags": {"models": tags}}


def _anthropic(models: Iterable[str]) -> Pages:
    entries = [{"type": "model", "id": name, "created_at": "2025-02-19T00:00:00Z"} for name in models]
    return {"/v1/models": {"data": entries, "has_more": False}}


def _gemini(models: Iterable[str]) -> Pages:
    return {"/v1beta/openai/models": _entries([f"models/{name}" for name in models], "google")}


def _azure(models: Iterable[str]) -> Pages:
    deployed = [{"id": name, "model": "gpt-4o", "object": "deployment", "status": "succeeded"} for name in models]
    return {"/openai/deployments": {"object": "list", "data": deployed}, "/openai/models": _entries((), "azure")}


FACES: dict[str, Face] = {
    "openai": Face(_openai),
    "azure": Face(_azure, re.compile(r"/openai/deployments/[^/]+/chat/completions")),
    "vllm": Face(_vllm),
    "ollama": Face(_ollama),
    "anthropic": Face(_anthropic),
    "gemini": Face(_gemini, re.compile(r"/v1beta/openai/chat/completions")),
    "llamacpp": Face(_llamacpp),
}
"""The table of faces."""
