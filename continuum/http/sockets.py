"""The addresses served: sockets bound as configured, and what TLS needs. Nothing is accepted here."""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from continuum.config.address import Address, TcpAddress, UnixAddress, parse_bind
from continuum.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from continuum.config import Server
    from continuum.config.sections.server import Tls

__all__ = ["Listener", "listen"]

_ALPN = ["h2", "http/1.1"]
_BACKLOG = 2048

_SPARE_PORTS = 100
"""Ports after the default one that are tried where it is in use."""

_log = logging.getLogger("continuum.http")


class Listener:
    """A bound socket and the URL it answers at. tls: what its connections are wrapped in, None for plain ones; those
    of a unix socket never leave the machine and stay plain.
    """

    def __init__(self, sock: socket.socket, address: Address, tls: ssl.SSLContext | None) -> None:
        self.socket = sock
        self.tls = tls if isinstance(address, TcpAddress) else None
        if isinstance(address, UnixAddress):
            self.url = f"http+unix://{address.path}"
        else:
            scheme = "http" if self.tls is None else "https"
            self.url = f"{scheme}://{TcpAddress(address.host, sock.getsockname()[1])}"


@contextmanager
def listen(server: Server) -> Generator[list[Listener]]:
    """The sockets of `server.bind_address`, bound; where nobody wrote one, the next free port will do. Raises
    ConfigError saying why one cannot be bound.
    """
    spare = 0 if "bind_address" in server.model_fields_set else _SPARE_PORTS
    tls = _tls(server.tls) if server.tls is not None else None
    addresses = parse_bind(server.bind_address)
    with ExitStack() as stack:
        yield [
            Listener(_bind(address, addresses, server.socket_mode, stack, spare=spare), address, tls)
            for address in addresses
        ]


def _bind(
    address: Address, beside: Sequence[Address], mode: str | None, stack: ExitStack, *, spare: int
) -> socket.socket:
    """spare: how many of the following ports may be taken instead where this one is in use."""
    try:
        if isinstance(address, UnixAddress):
            sock = _bind_unix(Path(address.path), mode, stack)
        else:
            sock = _bind_tcp(address, beside, stack)
        sock.listen(_BACKLOG)  # now: bound alone, the address would still seem free to another start
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE and spare and isinstance(address, TcpAddress):
            _log.info("%s is in use, and server.bind_address was not given: trying the next port", address)
            return _bind(TcpAddress(address.host, address.port + 1), beside, mode, stack, spare=spare - 1)
        raise ConfigError([ConfigProblem(_why(fault, address), "server.bind_address")]) from None
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


def _bind_tcp(address: TcpAddress, beside: Sequence[Address], stack: ExitStack) -> socket.socket:
    six = ":" in address.host
    sock = stack.enter_context(socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if six and any(isinstance(each, TcpAddress) and ":" not in each.host for each in beside):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # [::] would take the IPv4 port as well
    sock.bind((address.host, address.port))
    return sock


def _bind_unix(path: Path, mode: str | None, stack: ExitStack) -> socket.socket:
    sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    if path.is_socket() and not _answers(path):
        path.unlink()  # left behind by a process that was killed
    sock.bind(str(path))
    stack.callback(path.unlink, missing_ok=True)
    if mode is not None:
        path.chmod(int(mode, 8))  # before anybody can connect: it does not listen yet
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


def _tls(section: Tls) -> ssl.SSLContext:
    """Certificate and key, loaded once. Raises ConfigError saying which of them cannot be used, and why."""
    for key, name in (("cert_file", section.cert_file), ("key_file", section.key_file)):
        try:
            with Path(name).open("rb"):
                pass
        except OSError as fault:
            why = f"{name} cannot be read: {os.strerror(fault.errno or 0)}"
            raise ConfigError([ConfigProblem(why, f"server.tls.{key}")]) from None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(_ALPN)
    try:
        context.load_cert_chain(section.cert_file, section.key_file, password=lambda: "")  # never ask the terminal
    except (ssl.SSLError, ValueError) as fault:
        reason = (getattr(fault, "reason", None) or "no certificate with its unencrypted key, in PEM").replace("_", " ")
        raise ConfigError([ConfigProblem(f"cannot be used: {reason.lower()}", "server.tls")]) from None
    return context
