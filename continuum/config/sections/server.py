"""The section `server`: what the HTTP side listens on and how much it takes."""

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from continuum.config.address import BindAddress, Cidr
from continuum.config.quantity import ByteSize, Delay, Duration, seconds, size
from continuum.config.section import Group, Reload, Section
from continuum.config.types import Word, matching

_OCTAL_MODE = r"0?[0-7]{3}"
OctalMode = Annotated[
    str,
    AfterValidator(matching(_OCTAL_MODE, 'must be an octal mode in quotes, such as "0660"')),
    WithJsonSchema({"type": "string", "pattern": f"^{_OCTAL_MODE}$"}),
]


class Tls(Group):
    """Certificate and key of the listening side."""

    cert_file: Word = Field(description="PEM file with the certificate and its chain.")
    key_file: Word = Field(description="PEM file with the private key.")


class Server(Section, reload=Reload.REQUIRES_RESTART):
    """Addresses the HTTP server listens on, its limits and its timeouts."""

    bind_address: BindAddress = Field(
        default="127.0.0.1:8080",
        description="Where to listen: host:port, [v6]:port or unix:/path; several separated by commas or as a list. "
        "Port 0 asks the system for a free one; the bound address is printed.",
    )
    workers: int = Field(default=1, ge=1, description="Processes that share the listening socket.")
    socket_mode: OctalMode | None = Field(default=None, description="Octal mode of unix sockets, as a string.")
    connection_pool_size: int = Field(default=100, ge=1, description="Idle keep-alive connections kept per backend.")
    max_request_body: ByteSize = Field(
        default=size("32MiB"),
        description="Largest request body, in bytes or with a unit; larger ones are answered 413.",
    )
    max_connections: int = Field(default=4096, ge=1, description="Open client connections; accepting pauses above it.")
    keep_alive_timeout: Duration = Field(
        default=seconds("75s"),
        description="How long an idle client connection is kept open, in seconds or with a unit.",
    )
    header_timeout: Duration = Field(
        default=seconds("15s"), description="Time for a request's head to arrive, in seconds or with a unit; then 408."
    )
    body_timeout: Duration = Field(
        default=seconds("60s"),
        description="Longest gap between two reads of a request's body, in seconds or with a unit.",
    )
    shutdown_grace: Delay = Field(
        default=seconds("30s"),
        description="Time running requests get to finish after SIGTERM or SIGINT, in seconds or with a unit; "
        "a second signal exits at once.",
    )
    drain_delay: Delay = Field(
        default=seconds("0s"),
        description="After SIGTERM keep accepting for this long while /ready answers 503, in seconds or with a unit.",
    )
    tls: Tls | None = Field(default=None, description="Serve HTTPS, with HTTP/2 by ALPN; unix sockets stay plain.")
    allowed_hosts: list[Word] = Field(
        default=[],
        description="Host names that are answered; *.example.com is all below one, * any. Empty: loopback names when "
        "every bind address is loopback or unix, any name otherwise.",
    )
    trusted_proxies: list[Cidr] = Field(
        default=[], description="Addresses or networks of the proxies whose X-Forwarded-For is believed."
    )
