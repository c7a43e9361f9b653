"""The first exchange, before an event loop is loaded: `initialize` needs nothing that takes time to import.

Standard library only. Blocking is right here: nothing else runs yet. Whatever is not a good `initialize` is left,
byte for byte, to the agent proper.
"""

from __future__ import annotations

import os
import select
import sys
from typing import Final, NamedTuple

from .jsonrpc import JsonObject, Request, RpcError, decode, encode_result
from .methods.initialize import answer, capabilities_of

__all__ = ["NOT_GREETED", "Greeting", "greet"]

_READ_SIZE: Final = 65536
_WAITING: Final = (
    "continuum: waiting for an ACP client on stdin (JSON-RPC, one object a line); "
    "for an HTTP server: continuum --mode http\n"
)


class Greeting(NamedTuple):
    """What the agent goes on from. client_capabilities: what the client can do, None while it has not said.
    unread: bytes that were read and not answered. deferred: the configuration has a say in what is answered.
    """

    client_capabilities: JsonObject | None = None
    unread: bytes = b""
    deferred: bool = False


NOT_GREETED: Final = Greeting()


def greet(in_fd: int, out_fd: int, *, deferred: bool = False) -> Greeting:
    """Wait for the first line and answer it if it is `initialize`; who types at a terminal is told what is awaited.
    deferred: answer nothing before the configuration is read.
    """
    if os.isatty(in_fd):
        sys.stderr.write(_WAITING)
    if deferred:
        return Greeting(deferred=True)
    read = b""
    while b"\n" not in read and len(read) < _READ_SIZE:
        piece = _read(in_fd)
        if not piece:
            return Greeting(unread=read)
        read += piece
    line, newline, rest = read.partition(b"\n")
    request = decode(line) if newline else None
    if not isinstance(request, Request) or request.method != "initialize":
        return Greeting(unread=read)
    try:
        line = encode_result(request.id, answer(request.params))
    except RpcError:
        return Greeting(unread=read)
    _write(out_fd, line)
    return Greeting(capabilities_of(request.params), rest)


def _read(fd: int) -> bytes:
    while True:
        try:
            return os.read(fd, _READ_SIZE)
        except BlockingIOError:  # the client set its end, and so ours, to non-blocking
            select.select([fd], [], [])
        except OSError:
            return b""


def _write(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            select.select([], [fd], [])
        except OSError:
            return  # the client has gone: the agent finds out for itself
