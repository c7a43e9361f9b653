"""What is answered at which path: the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from continuum.core import Operation
from continuum.dialects import DIALECTS, Dialect

__all__ = ["CALLS", "CallRow"]


@dataclass(frozen=True, slots=True)
class CallRow:
    """A path whose POST is a call to a model, in the words of one dialect."""

    path: str
    operation: Operation
    dialect: Dialect


CALLS: Mapping[str, CallRow] = MappingProxyType(
    {row.path: row for row in (CallRow("/v1/chat/completions", Operation.CHAT, DIALECTS["openai_chat"]),)}
)
"""The hot paths: answered in front of Quart, which would cost more than the rest of a call together."""
