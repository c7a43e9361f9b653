"""One descriptor as trio can use it, whatever stands behind it: pipe, socket, tty, regular file, null device.

O_NONBLOCK belongs to the open file description, which the client, its shell and our stderr may share: it is never
set on theirs. Pipes and ttys are opened again through the self-fd link, sockets are asked call by call, and
whatever epoll cannot watch or cannot be opened again is served by a thread.
"""

from __future__ import annotations

import os
import select
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import trio

__all__ = ["Channel", "open_channel"]

_SELF_FD: Final = Path("/proc/self/fd")


class Channel(Protocol):
    """Bytes one way. Errors of the descriptor are OSError."""

    async def read(self, limit: int) -> bytes:
        """Up to `limit` bytes; empty at the end."""
        ...

    async def write(self, data: memoryview) -> int:
        """Write some of `data`; how many bytes."""
        ...

    @property
    def hung_up(self) -> bool:
        """Whether the other side has closed both ends, so that nothing can be written any more."""
        ...

    def close(self) -> None:
        """Give up what was opened here; the descriptor itself stays the caller's."""
        ...


class _Polled:
    """Tries at once, waits only when there is nothing to do; cancelling loses nothing."""

    def __init__(
        self,
        fd: int,
        read: Callable[[int], bytes],
        write: Callable[[memoryview], int],
        close: Callable[[], None],
    ) -> None:
        self._fd = fd
        self._read = read
        self._write = write
        self._close = close

    async def read(self, limit: int) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self._read(limit)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._fd)

    async def write(self, data: memoryview) -> int:
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self._write(data)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._fd)

    @property
    def hung_up(self) -> bool:
        return _hung_up(self._fd)

    def close(self) -> None:
        trio.lowlevel.notify_closing(self._fd)
        self._close()


class _Threaded:
    """Blocking calls in a thread; a call that is cancelled is left behind, so this is for the way out only."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    async def read(self, limit: int) -> bytes:
        return await trio.to_thread.run_sync(os.read, self._fd, limit, abandon_on_cancel=True)

    async def write(self, data: memoryview) -> int:
        return await trio.to_thread.run_sync(os.write, self._fd, data, abandon_on_cancel=True)

    @property
    def hung_up(self) -> bool:
        return _hung_up(self._fd)

    def close(self) -> None:
        """Nothing was opened."""


def open_channel(fd: int, *, writing: bool) -> Channel:
    """The best channel over `fd`, which is borrowed and left as it is. OSError: it is not open."""
    kind = os.fstat(fd).st_mode
    if stat.S_ISSOCK(kind):
        return _of_socket(fd)
    if stat.S_ISFIFO(kind) or os.isatty(fd):
        own = _reopen(fd, os.O_WRONLY if writing else os.O_RDONLY)
        if own is not None:
            return _of_own(own)
    return _Threaded(fd)


def _hung_up(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, 0)  # the two that are always told
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def _of_own(fd: int) -> Channel:
    return _Polled(fd, lambda limit: os.read(fd, limit), lambda data: os.write(fd, data), lambda: os.close(fd))


def _of_socket(fd: int) -> Channel:
    sock = socket.socket(fileno=os.dup(fd))

    def read(limit: int) -> bytes:
        return sock.recv(limit, socket.MSG_DONTWAIT)

    def write(data: memoryview) -> int:
        return sock.send(data, socket.MSG_DONTWAIT)

    return _Polled(sock.fileno(), read, write, sock.close)


def _reopen(fd: int, access: int) -> int | None:
    """Another description of what `fd` leads to, non-blocking; None where the system cannot give one."""
    if not _SELF_FD.is_dir():  # elsewhere /dev/fd/N gives the same description again
        return None
    with suppress(OSError):
        return os.open(_SELF_FD / str(fd), access | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    return None
