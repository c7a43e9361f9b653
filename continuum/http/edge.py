"""The listening side: sockets, hypercorn's trio worker, and the drain when a signal comes."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypercorn.config
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext

from continuum.config.address import Address, TcpAddress, UnixAddress, parse_bind
from continuum.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from continuum.config import Server
    from continuum.http.app import App

__all__ = ["Listener", "listen", "serve"]

_log = logging.getLogger("continuum.http")

_BACKLOG = 2048
_LAST_WORDS = 1.0
"""Seconds that interrupted requests get to tell their clients."""

_SPARE_PORTS = 100
"""Ports after the default one that are tried where it is in use."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Listener:
    """A bound socket and the URL it answers at."""

    def __init__(self, sock: socket.socket, address: Address) -> None:
        self.socket = sock
        if isinstance(address, UnixAddress):
            self.url = f"http+unix://{address.path}"
        else:
            self.url = f"http://{TcpAddress(address.host, sock.getsockname()[1])}"

    def accepting(self) -> trio.SocketListener:
        """The socket as trio's own: who takes it closes it."""
        taken = socket.socket(fileno=self.socket.detach())
        return trio.SocketListener(trio.socket.from_stdlib_socket(taken))


@contextmanager
def listen(server: Server) -> Generator[list[Listener]]:
    """The sockets of `server.bind_address`, bound; where nobody wrote one, the next free port will do. Raises
    ConfigError saying why one cannot be bound.
    """
    given = "bind_address" in server.model_fields_set
    with ExitStack() as stack:
        yield [
            _bind(address, server, stack, spare=0 if given else _SPARE_PORTS)
            for address in parse_bind(server.bind_address)
        ]


def _bind(address: Address, server: Server, stack: ExitStack, *, spare: int = 0) -> Listener:
    """spare: how many of the following ports may be taken instead where this one is in use."""
    try:
        if isinstance(address, UnixAddress):
            return Listener(_bind_unix(Path(address.path), server.socket_mode, stack), address)
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        sock = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address.host, address.port))
        sock.listen(_BACKLOG)  # now: bound alone, the address would still seem free to another start
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE and spare and isinstance(address, TcpAddress):
            _log.info("%s is in use, and server.bind_address was not given: trying the next port", address)
            return _bind(TcpAddress(address.host, address.port + 1), server, stack, spare=spare - 1)
        raise ConfigError([ConfigProblem(_why(fault, address), "server.bind_address")]) from None
    else:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        return Listener(sock, address)


def _bind_unix(path: Path, mode: str | None, stack: ExitStack) -> socket.socket:
    sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    if path.is_socket() and not _answers(path):
        path.unlink()  # left behind by a process that was killed
    sock.bind(str(path))
    sock.listen(_BACKLOG)
    stack.callback(path.unlink, missing_ok=True)
    if mode is not None:
        path.chmod(int(mode, 8))
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def _why(fault: OSError, address: Address) -> str:
    if isinstance(fault, socket.gaierror):
        return f"{address} has a host name that is not known here"
    reasons = {
        errno.EADDRINUSE: "is in use by another process; choose another with --bind, port 0 takes a free one",
        errno.EACCES: "is not allowed for this user; choose a port over 1023",
        errno.EADDRNOTAVAIL: "is no address of this machine",
    }
    return f"{address} {reasons.get(fault.errno or 0, f'cannot be bound: {os.strerror(fault.errno or 0)}')}"


async def serve(
    app: App, server: Server, listeners: list[Listener], *, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGTERM or SIGINT, then let open requests finish for `server.shutdown_grace` seconds.

    ready: called once connections are accepted. A second signal ends the process at once.
    """
    draining = trio.Event()
    worker = _Worker(app, server)

    async def end_in_time() -> None:
        await draining.wait()
        await trio.sleep(server.shutdown_grace)
        app.interrupt()
        await trio.sleep(_LAST_WORDS + 1)
        _log.warning("a client that does not read keeps its connection: ending without it")
        os._exit(0)  # hypercorn shields its sends: nothing else gets past one that hangs

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch_signals, draining)
        nursery.start_soon(end_in_time)
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                await accepting.start(worker.accept, listeners, connections)
                ready()
                await draining.wait()
                accepting.cancel_scope.cancel()
            await worker.wind_down()
            connections.cancel_scope.deadline = trio.current_time() + server.shutdown_grace + _LAST_WORDS
        nursery.cancel_scope.cancel()
    _log.info("stopped")


class _Worker:
    """hypercorn's connections in nurseries of ours: in its own, one connection's fault ends the whole server."""

    def __init__(self, app: App, server: Server) -> None:
        self._app = ASGIWrapper(app)
        self._config = _hypercorn(server)
        self._context = WorkerContext(None)

    async def accept(
        self, listeners: list[Listener], connections: trio.Nursery, task_status: trio.TaskStatus[object]
    ) -> None:
        """Accept until cancelled; each connection lives in `connections`."""
        accepting = [listener.accepting() for listener in listeners]
        await trio.serve_listeners(self._converse, accepting, handler_nursery=connections, task_status=task_status)

    async def wind_down(self) -> None:
        """Close idle connections now, and every other one after its answer."""
        await self._context.terminated.set()

    async def _converse(self, stream: trio.SocketStream) -> None:
        try:
            await TCPServer(self._app, self._config, self._context, {}, stream)  # type: ignore[arg-type]  # takes both
        except ExceptionGroup as group:
            _log.warning("a connection ended on a fault of the protocol: %s", type(group.exceptions[0]).__name__)
        except Exception as fault:  # noqa: BLE001 - the outermost frame of a connection
            _log.warning("a connection ended on a fault of the protocol: %s", type(fault).__name__)


async def _watch_signals(draining: trio.Event) -> None:
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        async for number in signals:
            if draining.is_set():
                os._exit(128 + number)  # the user means it
            _log.info("draining: open requests finish, a second signal exits now")
            draining.set()


def _hypercorn(server: Server) -> hypercorn.config.Config:
    config = hypercorn.config.Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = server.keep_alive_timeout
    config.keep_alive_max_requests = 1_000_000
    config.h11_max_incomplete_size = 64 * 1024
    return config
