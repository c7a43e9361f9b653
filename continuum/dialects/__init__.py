"""Wire formats, both directions, no I/O: the table of those spoken here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, Protocol

from continuum.dialects import openai_chat, openai_completions, openai_embeddings
from continuum.errors import Unsupported

if TYPE_CHECKING:
    from continuum.chat import ChatRequest, ChatResponse, Event, Usage
    from continuum.dialects.openai_chat import Envelope, ErrorView
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


class OpenRequest(Protocol):
    """A client's body as far as a router reads it; default_model stands where it names none."""

    def __call__(self, body: bytes, *, default_model: str | None = None) -> Envelope: ...


class WriteRequest(Protocol):
    """A body out of a ChatRequest."""

    def __call__(self, request: ChatRequest, *, model: str, stream: bool) -> bytes: ...


def _untranslatable(*_given: object, **_named: object) -> NoReturn:
    raise Unsupported("this kind of request goes only to backends that speak its own format")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A row of the table.

    done: the payload that closes a stream, where there is one. streams: whether answers may come as one. read_usage: a
    look at an answer that goes on as it came: is it one, and what was used. Both readers of answers raise
    UpstreamProtocolError for what is none. What a dialect has no function for, it cannot be translated by: it only
    passes through.
    """

    name: str
    done: bytes
    streams: bool = True
    open_request: OpenRequest
    reader: Callable[[], StreamReader] = _untranslatable
    writer: Callable[[], StreamWriter] = _untranslatable
    read_request: Callable[[bytes], ChatRequest] = _untranslatable
    write_request: WriteRequest = _untranslatable
    read_response: Callable[[bytes], ChatResponse]
    read_usage: Callable[[bytes], Usage | None]
    write_response: Callable[[ChatResponse], bytes] = _untranslatable
    read_error: Callable[[bytes], ErrorView] = openai_chat.read_error
    write_error: Callable[[ContinuumError], bytes] = openai_chat.write_error


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        openai_chat.NAME: Dialect(
            name=openai_chat.NAME,
            done=openai_chat.DONE,
            open_request=openai_chat.open_envelope,
            reader=openai_chat.StreamReader,
            writer=openai_chat.StreamWriter,
            read_request=openai_chat.read_request,
            write_request=openai_chat.write_request,
            read_response=openai_chat.read_response,
            read_usage=openai_chat.read_usage,
            write_response=openai_chat.write_response,
        ),
        openai_completions.NAME: Dialect(
            name=openai_completions.NAME,
            done=openai_completions.DONE,
            open_request=openai_completions.open_request,
            reader=openai_completions.StreamReader,
            writer=openai_completions.StreamWriter,
            read_response=openai_completions.read_response,
            read_usage=openai_completions.read_usage,
            write_response=openai_completions.write_response,
        ),
        openai_embeddings.NAME: Dialect(
            name=openai_embeddings.NAME,
            done=openai_chat.DONE,
            streams=False,
            open_request=openai_embeddings.open_request,
            read_response=openai_embeddings.read_response,
            read_usage=openai_embeddings.read_usage,
        ),
    }
)
