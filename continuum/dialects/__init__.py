"""Wire formats, both directions, no I/O: the table of those spoken here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from continuum.dialects import openai_chat

if TYPE_CHECKING:
    from continuum.chat import ChatRequest, ChatResponse, Event, Usage
    from continuum.dialects.openai_chat import ErrorView
    from continuum.errors import ContinuumError

__all__ = ["DIALECTS", "Dialect", "StreamReader", "StreamWriter"]


class StreamReader(Protocol):
    """One stream's payloads in, events out."""

    @property
    def finished(self) -> bool:
        """Whether every choice that began has said why it ended."""
        ...

    def read(self, data: bytes) -> list[Event]:
        """The events of one payload; UpstreamProtocolError for what is none."""
        ...


class StreamWriter(Protocol):
    """One stream's events in, payloads out."""

    def write(self, event: Event) -> bytes | None:
        """The payload that says this event; None where the dialect says nothing."""
        ...


class WriteRequest(Protocol):
    """A body out of a ChatRequest."""

    def __call__(self, request: ChatRequest, *, model: str, stream: bool) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """A row of the table.

    done: the payload that closes a stream. read_usage: a look at an answer that goes on as it came: is it one, and
    what was used. Both readers of answers raise UpstreamProtocolError for what is none.
    """

    name: str
    done: bytes
    reader: Callable[[], StreamReader]
    writer: Callable[[], StreamWriter]
    read_request: Callable[[bytes], ChatRequest]
    write_request: WriteRequest
    read_response: Callable[[bytes], ChatResponse]
    read_usage: Callable[[bytes], Usage | None]
    write_response: Callable[[ChatResponse], bytes]
    read_error: Callable[[bytes], ErrorView]
    write_error: Callable[[ContinuumError], bytes]


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        openai_chat.NAME: Dialect(
            name=openai_chat.NAME,
            done=openai_chat.DONE,
            reader=openai_chat.StreamReader,
            writer=openai_chat.StreamWriter,
            read_request=openai_chat.read_request,
            write_request=openai_chat.write_request,
            read_response=openai_chat.read_response,
            read_usage=openai_chat.read_usage,
            write_response=openai_chat.write_response,
            read_error=openai_chat.read_error,
            write_error=openai_chat.write_error,
        ),
    }
)
