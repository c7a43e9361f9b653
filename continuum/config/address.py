"""Where the server listens and which networks it trusts: pure text, no sockets."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from continuum.config.plain import is_list

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
_NUMERIC = re.compile(r"[0-9.]+")
_SOCKET_PATH_LIMIT = 107  # bytes: sun_path less its closing NUL
_LAST_PORT = 65535
_RULE = "must be host:port, [v6]:port or unix:/path"
_PATTERN = (
    r"^\s*(unix:[^,]+|(\[[^\]]+\]|[^\[\]:,\s]+):[0-9]+)(\s*,\s*(unix:[^,]+|(\[[^\]]+\]|[^\[\]:,\s]+):[0-9]+))*\s*$"
)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """`host` without brackets; port 0 asks the system for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Is it reachable from this machine only?"""
        if self.host.lower() in {"localhost", "localhost."}:
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"

    @property
    def loopback(self) -> bool:
        """Is it reachable from this machine only? Always."""
        return True


Address = TcpAddress | UnixAddress


def parse_bind(text: str) -> list[Address]:
    """The addresses of a comma-separated `bind_address`. ValueError says which rule one of them breaks."""
    addresses = [_parse_one(part.strip()) for part in text.split(",")]
    fixed = [address for address in addresses if not isinstance(address, TcpAddress) or address.port]
    if len(set(fixed)) < len(fixed):
        raise ValueError("must not name the same address twice")
    return addresses


def _parse_one(text: str) -> Address:
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/") or not path.isprintable():
            raise ValueError("must be unix: and an absolute path")
        if len(path.encode()) > _SOCKET_PATH_LIMIT:
            raise ValueError(f"must name a unix socket path of at most {_SOCKET_PATH_LIMIT} bytes")
        return UnixAddress(path)
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise ValueError(_RULE)
    if len(port) > len(str(_LAST_PORT)) or int(port) > _LAST_PORT:
        raise ValueError(f"must have a port from 0 to {_LAST_PORT}")
    if host.startswith("[") and host.endswith("]"):
        return TcpAddress(_ipv6(host[1:-1]), int(port))
    if not _HOST.fullmatch(host):
        raise ValueError(_RULE)
    if _NUMERIC.fullmatch(host):
        _ip(host)
    return TcpAddress(host, int(port))


def _ipv6(text: str) -> str:
    try:
        IPv6Address(text)
    except ValueError:
        raise ValueError("must hold an IPv6 address between its brackets") from None
    return text


def _ip(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError("must have a host name or a whole IP address before the port") from None


def _bind_text(value: object) -> str:
    parts: list[Any] = value if is_list(value) else [value]
    if not parts or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"{_RULE}; several as a list or separated by commas")
    text = ",".join(str(address) for part in parts for address in parse_bind(part))
    parse_bind(text)
    return text


def _cidr(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be an IP address or network such as 10.0.0.0/8") from None
    return text


BindAddress = Annotated[str, PlainValidator(_bind_text), WithJsonSchema({"type": "string", "pattern": _PATTERN})]
"""`host:port`, `[v6]:port` or `unix:/path`; several comma-separated or as a list, kept as that one string."""

Cidr = Annotated[str, AfterValidator(_cidr), WithJsonSchema({"type": "string", "minLength": 1})]
"""An IP address or network."""
