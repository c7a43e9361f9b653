"""What is said to backends and by them, in the log: nothing of it unless the configuration allows it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec

from continuum.chat import Fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from continuum.chat import ChatResponse
    from continuum.core.frame import Frame

__all__ = ["Contents", "Record"]

_log = logging.getLogger("continuum.contents")

LONGEST: Final = 64 * 1024
"""Bytes of one line's text; what is over is left out, and that is said."""


class Contents:
    """Of one router. wanted: logging.log_prompts."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted

    def record(self, request_id: str) -> Record | None:
        """For one call, where it is to be logged."""
        return Record(self, request_id) if self.wanted and _log.isEnabledFor(logging.INFO) else None


class Record:
    """A line for each body that is sent, and one for each answer, as far as it came: JSON, however it is asked for."""

    __slots__ = ("_contents", "_fold", "_id")

    def __init__(self, contents: Contents, request_id: str) -> None:
        self._contents = contents
        self._id = request_id
        self._fold = Fold()

    def asked(self, backend: str, body: bytes) -> None:
        """This is sent."""
        self._fold = Fold()
        self._tell("prompt for", backend, body)

    def heard(self, frames: Iterable[Frame]) -> None:
        """A part of a streamed answer."""
        for frame in frames:
            for event in frame.events:
                self._fold.add(event)

    def answered(self, backend: str, body: bytes | None) -> None:
        """The answer is over, or was given up. body: where it came in one piece."""
        said = body if body is not None else msgspec.json.encode(_parts(self._fold.response))
        self._tell("answer of", backend, said)

    def _tell(self, what: str, backend: str, text: bytes) -> None:
        if self._contents.wanted:
            cut = f" ({len(text)} bytes, cut)" if len(text) > LONGEST else ""
            _log.info("%s %s %s%s: %s", self._id, what, backend, cut, text[:LONGEST].decode("utf-8", "replace"))


def _parts(response: ChatResponse) -> list[list[dict[str, str]]]:
    """Of each choice what was said, by kind."""
    return [[{"kind": part.kind, "text": part.text} for part in choice.parts] for choice in response.choices]
