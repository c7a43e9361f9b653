"""A backend's stream turned into frames, whatever its chunking. Pure: bytes in, frames out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from continuum.chat import Failed, Started, UsageReported
from continuum.core.frame import Frame
from continuum.dialects.framing import SSEParser
from continuum.errors import UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.chat import Event, Usage
    from continuum.dialects import Dialect
    from continuum.errors import ContinuumError

__all__ = ["UpstreamStream", "renamed"]


def renamed(payload: bytes, model: str, asked: str) -> bytes:
    """A payload that names the model as it was asked for, where the server writes compact JSON."""
    return payload.replace(_named(model), _named(asked), 1)


def _named(model: str) -> bytes:
    return b'"model":' + msgspec.json.encode(model)


_NOTICED = frozenset({UsageReported, Failed, Started})


class UpstreamStream:
    """One stream. complete: everything the backend has to say was said. failed: why it will not be complete.
    usage: the last it reported.

    rename: the model's name to write into payloads where the server answers with one of its own making.
    """

    def __init__(self, dialect: Dialect, *, rename: str | None) -> None:
        self._done = dialect.done
        self._parser = SSEParser()
        self._reader = dialect.reader()
        self._rename = rename
        self._model: tuple[bytes, bytes] | None = None
        self.complete = False
        self.usage: Usage | None = None
        self.failed: ContinuumError | None = None

    def feed(self, piece: bytes) -> list[Frame]:
        """Frames that these bytes complete; b"" is the stream's end. Never raises: what is wrong is in `failed`,
        after the frames that were still good.
        """
        frames: list[Frame] = []
        try:
            for event in self._parser.feed(piece) if piece else self._parser.close():
                if event.data == self._done:
                    self.complete = True
                    break
                frame = self._frame(event.data)
                if self.failed is not None:
                    break
                frames.append(frame)
        except UpstreamProtocolError as fault:
            self.failed = fault
        if not piece and not self.complete and self.failed is None:
            if self._reader.finished:
                self.complete = True
            else:
                self.failed = UpstreamProtocolError("the backend's answer broke off")
        return frames

    def _frame(self, data: bytes) -> Frame:
        events = self._reader.read(data)
        for event in events:
            if type(event) in _NOTICED:  # few are
                self._notice(event)
        if b"\n" in data:  # JSON over several data lines: its line feeds are white space
            data = data.replace(b"\n", b" ")
        if self._model is not None:
            data = data.replace(*self._model, 1)
        return Frame(data, events)

    def _notice(self, event: Event) -> None:
        if isinstance(event, UsageReported):
            self.usage = event.usage
        elif isinstance(event, Failed):
            self.failed = event.error
        elif isinstance(event, Started) and self._rename is not None:
            self._model = (_named(event.model), _named(self._rename))
            event.model = self._rename
