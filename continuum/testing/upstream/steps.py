"""The wire-level steps an answer is made of, and the few bytes of HTTP/1.1 they need. No socket is touched here."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

import trio

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes, as they are."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on when the test sets this event."""

    gate: trio.Event


@dataclass(frozen=True, slots=True)
class Pause:
    """Go on after this many seconds: pacing for load and rehearsals; a test waits on a gate instead."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Stay silent until the caller goes away."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection in the ordinary way (FIN), whatever is still owed."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Tear the connection down (RST)."""


Step = Send | Wait | Pause | Hang | Close | Reset

END = Send(b"0\r\n\r\n")
"""The end of a chunked body."""


def head(status: int, headers: Headers) -> bytes:
    """A response head."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:  # 529 and other numbers only vendors know
        reason = "Unassigned"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def stream_data(data: bytes) -> Send:
    """One piece of a chunked body."""
    return Send(b"%x\r\n%b\r\n" % (len(data), data))


def event(data: str) -> bytes:
    """One server-sent event, framed the plain way."""
    return f"data: {data}\n\n".encode()
