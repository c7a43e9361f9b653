"""Secrets cut out of text that was not written here: what backends say, and log lines as a second net."""

from __future__ import annotations

import re

__all__ = ["CREDENTIAL", "PROSE", "mask_keys", "redact", "unquoted"]

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
_LAST_WORD = re.compile(r"\S*\Z")
PROSE = 24
"""Characters in a row of a text that nobody writes by chance."""
CREDENTIAL = 10
"""Of a credential."""
_SHORTEST_SECRET = 8
_REDACTED = "[redacted]"


def mask_keys(text: str) -> str:
    """Everything that looks like a credential replaced."""
    return _KEYS.sub(_REDACTED, text)


def redact(text: str) -> str:
    """A backend's words as a client may see them: no keys, URLs, addresses, paths or control bytes; at most 2,000
    characters, and whole words: of a secret that is cut through nobody would know that it is one.
    """
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text[: _LIMIT + 1])
    if len(text) > _LIMIT:
        text = _LAST_WORD.sub("", text)
    return _PLACES.sub(_REDACTED, mask_keys(text))


def unquoted(text: str, source: str, run: int = PROSE) -> str:
    """A text of at most some thousand characters without what it quotes of a source that it must not tell: runs of
    `run` characters or more, the whole source where that is shorter. A source of a word or two is nobody's secret.
    """
    if len(source) < _SHORTEST_SECRET:
        return text
    run = min(len(source), run)
    step = max(1, run // 2)
    near = [text[at : at + step] in source for at in range(0, len(text), step)]  # every run holds one such piece whole
    kept, at, quoted_to = list[str](), 0, 0
    while at < len(text):
        piece = text[at : at + run]
        if len(piece) == run and near[-(-at // step)] and piece in source:
            if quoted_to < at or not quoted_to:
                kept.append(_REDACTED)
            quoted_to = at + run
        if at >= quoted_to:
            kept.append(text[at])
        at += 1
    return "".join(kept)
