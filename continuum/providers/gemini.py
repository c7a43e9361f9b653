"""Gemini, through its OpenAI-compatible endpoint. Source: "OpenAI compatibility" of the Gemini API.

It lists models as `models/NAME` and takes the bare name as well; a wrong key is a 400.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from continuum.chat import Operation
from continuum.providers.base import Provider, Variables, paths_under
from continuum.providers.listing import ModelInfo, read_openai_models

if TYPE_CHECKING:
    from continuum.dialects.openai_chat import ErrorView

__all__ = ["PROVIDER"]

_ROOT = "/v1beta/openai"
_MODELS = f"{_ROOT}/models"


def _read_models(body: bytes) -> list[ModelInfo]:
    return [replace(info, id=info.id.removeprefix("models/")) for info in read_openai_models(body)]


def _credential_fault(status: int, error: ErrorView) -> bool:
    return status == 400 and "API key" in error.message


PROVIDER = Provider(
    name="gemini",
    default_url="https://generativelanguage.googleapis.com",
    paths=paths_under(_ROOT, {Operation.CHAT, Operation.EMBEDDING}),
    models_path=_MODELS,
    health_path=_MODELS,
    read_models=_read_models,
    credential_fault=_credential_fault,
    overflow=("exceeds the maximum number of tokens",),
    variables=(
        Variables(key="GEMINI_API_KEY", urls=("GEMINI_BASE_URL",)),
        Variables(key="GOOGLE_API_KEY", urls=("GOOGLE_BASE_URL",)),
    ),
)
