"""Secrets cut out of text that was not written here: what backends say, and log lines as a second net."""

from __future__ import annotations

import re

__all__ = ["mask_keys", "redact"]

_KEYS = re.compile(
    r"\b(?:Bearer|Basic)\s+[^\s\"',]+"
    r"|\b(?:sk|pk|rk|ak|key|gsk|xai|hf|ghp|tok|pat)[-_][A-Za-z0-9_\-.*]{4,}|\bAIza[\w-]{10,}"  # vendors' key forms
    r"|\b[0-9a-f]{24,}\b"  # keys without a form of their own
    r"|\b[A-Za-z0-9_\-]*\*{4,}[A-Za-z0-9_\-]*",  # a key the backend masked in part
    re.IGNORECASE,
)
_PLACES = re.compile(
    r"\b[a-z][a-z+]*://\S+"  # URLs
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"  # addresses
    r"|\[[0-9a-f:]*::?[0-9a-f:.]*\](?::\d+)?"
    r"|\b(?:[a-z0-9-]+\.)+(?:internal|local|lan|corp|intra|svc)\b\S*"  # names of inner networks
    r"|(?<![\w./])/[\w.-]+(?:/[\w.-]*)*|\b[a-z]:\\\S+",  # file paths
    re.IGNORECASE,
)
_LIMIT = 2000


def mask_keys(text: str) -> str:
    """Everything that looks like a credential replaced."""
    return _KEYS.sub("[redacted]", text)


def redact(text: str) -> str:
    """A backend's words as a client may see them: no keys, URLs, addresses, paths or control bytes; at most 2,000
    characters.
    """
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text[:_LIMIT])
    return _PLACES.sub("[redacted]", mask_keys(text))
