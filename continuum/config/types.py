"""Field types that the sections share beside quantities and secrets: checked strings, and what a mistyped one may have
meant.
"""

import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

__all__ = ["StatusCode", "UrlPath", "Word", "matching", "nearest", "one_of", "printable"]


def printable(text: str) -> str:
    """A string on one line that is not empty; ValueError for any other."""
    if not text.strip():
        raise ValueError("must not be empty")
    if not text.isprintable():
        raise ValueError("must not hold line breaks or control characters")
    return text


Word = Annotated[str, AfterValidator(printable), WithJsonSchema({"type": "string", "minLength": 1})]
"""A string on one line that is not empty."""


def _rooted(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("must begin with /")
    if not text.isprintable() or " " in text:
        raise ValueError("must not hold spaces or control characters")
    return text


UrlPath = Annotated[str, AfterValidator(_rooted), WithJsonSchema({"type": "string", "pattern": r"^/[^\s]*$"})]
"""The path of a URL, from its slash on."""

StatusCode = Annotated[int, Field(ge=100, le=599)]
"""A status of HTTP."""


def matching(pattern: str, rule: str) -> Callable[[str], str]:
    """A check that a whole string matches `pattern`; `rule` is what the user reads when it does not."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(rule)
        return text

    return check


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """A check that a string is one of a table's names."""

    def check(text: str) -> str:
        if text not in names:
            raise ValueError(f"must be one of {', '.join(names)}{nearest(text, names)}")
        return text

    return check


def nearest(word: str, names: Collection[str]) -> str:
    """`; did you mean 'x'?` for a mistyped word, or nothing."""
    lowered = {name.lower(): name for name in names}
    close = get_close_matches(word[:64].lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[close[0]]!r}?" if close else ""
