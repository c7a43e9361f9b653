"""A non-blocking socket, plain or under TLS, as a thing that never waits: whoever uses it awaits the socket."""

from __future__ import annotations

import select
import socket
import ssl

__all__ = ["TlsWire", "Wire"]

_READ = 64 * 1024
_TLS_SLICE = 256 * 1024
"""Bytes encrypted at once: a large body must not stand in memory twice, nor hold up everybody else."""


class Wire:
    """A connected socket. ready: the next `read` gives something at once, so nobody should wait for the socket first.

    Every method may raise OSError: the connection is gone.
    """

    __slots__ = ("_poll", "_unsent", "ready", "socket")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.ready = False
        self._unsent = memoryview(b"")
        self._poll: select.poll | None = None

    @property
    def quiet(self) -> bool:
        """Whether everything was sent and nothing has come, not even the end."""
        return not self._unsent and not self._has_come()

    def send(self, head: bytes, content: bytes = b"") -> bool:
        """Send what can be sent now; whether that was all. The rest leaves with `flush`, or before what comes next."""
        if self._unsent:  # whoever waited for that was cancelled
            self._unsent = memoryview(b"".join((self._unsent, head, content)))
            return self.flush()
        try:
            sent = self.socket.sendmsg((head, content)) if content else self.socket.send(head)
        except BlockingIOError:
            sent = 0
        if sent == len(head) + len(content):
            return True
        self._unsent = memoryview(head + content)[sent:]
        return False

    def flush(self) -> bool:
        """Send more of what was not sent yet; whether that was all."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return False
        return True

    def read(self) -> bytes | None:
        """What has come: None when nothing has, b"" at the end."""
        try:
            data = self.socket.recv(_READ)
        except BlockingIOError:
            self.ready = False
            return None
        self.ready = len(data) == _READ  # then there is more, nearly always
        return data

    def close(self) -> None:
        """Close now, without a word to the other side."""
        self.socket.close()

    def _has_come(self) -> bool:
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self.socket, select.POLLIN)
        return bool(self._poll.poll(0))


class TlsWire(Wire):
    """TLS over memory buffers: half the cost of a TLS stream object. Raises ssl.SSLError, which is an OSError, too.

    host: the name the server must prove; None where we are the server.
    """

    __slots__ = ("_ended", "_in", "_out", "_plain", "_tls")

    def __init__(self, connected: socket.socket, context: ssl.SSLContext, host: str | None) -> None:
        super().__init__(connected)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=host is None, server_hostname=host)
        self._plain = memoryview(b"")
        self._ended = False

    @property
    def protocol(self) -> str | None:
        """What was agreed on to be spoken (ALPN)."""
        return self._tls.selected_alpn_protocol()

    def handshake(self) -> bool:
        """Go one step on with what has come; whether it is done. What there is to send leaves with `flush`."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            self.flush()  # tells the other side what we did not like
            raise
        self.ready = bool(self._in.pending)
        return True

    def hear(self) -> bool:
        """Take what has come for the handshake; False when the other side has ended it."""
        data = super().read()
        if data:
            self._in.write(data)
        return data != b""

    @property
    def quiet(self) -> bool:
        """As said; session tickets and the like are no noise."""
        if self._ended or self._plain or self._unsent:
            return False
        try:
            return not self._has_come() or self.read() is None
        except OSError:
            return False

    def send(self, head: bytes, content: bytes = b"") -> bool:
        """Send what can be sent now; whether that was all. The rest leaves as of a plain wire's."""
        self._plain = memoryview(b"".join((self._plain, head, content)))
        return self.flush()

    def flush(self) -> bool:
        """Send more of what was not sent yet; whether that was all."""
        while super().flush():
            if self._plain:
                self._plain = self._plain[self._tls.write(self._plain[:_TLS_SLICE]) :]
            elif not self._out.pending:
                return True
            self._unsent = memoryview(self._out.read())
        return False

    def read(self) -> bytes | None:
        """What has come, decrypted. An end without TLS's own goodbye is an end: HTTP's framing tells a whole answer."""
        if self._ended:
            return b""
        data = super().read()
        if data:
            self._in.write(data)
        elif data is not None or not self._in.pending:  # what came with the handshake is here already
            return data
        pieces: list[bytes] = []
        try:
            while piece := self._tls.read(_READ):
                pieces.append(piece)
            self._ended = self.ready = True
        except ssl.SSLWantReadError:
            pass
        if self._out.pending:  # the protocol's own business, as new keys
            self.flush()
        if pieces or self._ended:
            return b"".join(pieces)
        return None
