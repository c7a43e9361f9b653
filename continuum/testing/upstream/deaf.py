"""A port that takes no connection and refuses none: what knocks waits, as behind a firewall that drops."""

import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

__all__ = ["deafened"]

_KNOCKS = 8
"""More than any system keeps waiting where a backlog of none was asked for."""


@contextmanager
def deafened(bound: socket.socket) -> Generator[None]:
    """Fill the backlog of a bound socket for as long as the block lasts."""
    bound.listen(0)
    with ExitStack() as held:
        for _ in range(_KNOCKS):
            knocker = held.enter_context(socket.socket())
            knocker.setblocking(False)  # noqa: FBT003 - the socket module's signature
            knocker.connect_ex(bound.getsockname())
        yield
