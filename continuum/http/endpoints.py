"""What is answered at which path: the table, and who may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from continuum.core import Operation
from continuum.dialects import DIALECTS, Dialect
from continuum.http.state import OPEN

__all__ = ["CALLS", "CALL_SCOPE", "PAGES", "PAGE_SCOPE", "CallRow"]


@dataclass(frozen=True, slots=True)
class CallRow:
    """A path whose POST is a call to a model, in the words of one dialect."""

    path: str
    operation: Operation
    dialect: Dialect


CALLS: Mapping[str, CallRow] = MappingProxyType(
    {
        row.path: row
        for row in (
            CallRow("/v1/chat/completions", Operation.CHAT, DIALECTS["openai_chat"]),
            CallRow("/v1/completions", Operation.COMPLETION, DIALECTS["openai_completions"]),
            CallRow("/v1/embeddings", Operation.EMBEDDING, DIALECTS["openai_embeddings"]),
        )
    }
)
"""The hot paths: answered in front of Quart, which would cost more than the rest of a call together."""

PAGES = OPEN.keys() | {"/v1/models", "/openapi.json"}
"""The routes besides calls and /admin that have no names in them."""

CALL_SCOPE = "write"
PAGE_SCOPE = "read"
