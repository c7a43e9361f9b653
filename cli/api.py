"""A running router's admin API, for commands: where it is, what opens it, and what is asked of it."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
import httpx

from continuum.config.address import TcpAddress, UnixAddress, parse_bind
from continuum.config.plain import is_mapping
from continuum.errors import ContinuumError
from continuum.storage.admin_token import AdminToken
from continuum.storage.folder import state_folder

from .output import print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.config import Config

__all__ = ["URL_VARIABLE", "AdminRefused", "Api", "api_of", "greeted", "told"]

URL_VARIABLE = "CONTINUUM_ADMIN_URL"
TOKEN_VARIABLE = "CONTINUUM_ADMIN_TOKEN"  # noqa: S105 - a variable's name
_TIMEOUT = 60.0
_GREETING = 2.0
"""Seconds in which one that runs on this machine says that it is a router."""
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, not where we do


class AdminRefused(ContinuumError):
    """The router did not do what it was asked; the message says why, a line each."""


@dataclass(frozen=True, slots=True)
class Api:
    """A router's admin API: where it is, and what is shown there."""

    url: str
    socket: str | None
    headers: Mapping[str, str] = field(repr=False)
    as_json: bool

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """What it answers. Raises AdminRefused; where JSON is wanted the refusal is printed, and the command ends."""
        transport = httpx.HTTPTransport(uds=self.socket) if self.socket else None
        with httpx.Client(headers=self.headers, transport=transport, timeout=_TIMEOUT, trust_env=False) as client:
            try:
                response = client.request(method, f"{self.url}/admin{path}", json=body)
            except httpx.TransportError as fault:
                raise AdminRefused(f"no router answers at {self.url}: {type(fault).__name__}") from None
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not is_mapping(answer):
            raise AdminRefused(f"what answers at {self.url} is no admin API (status {response.status_code})")
        if response.status_code != 200 and self.as_json:
            print_json(answer)
            raise click.exceptions.Exit(1)
        if response.status_code != 200:
            raise AdminRefused(_refusal(answer))
        return dict(answer)

    def tell(self, answer: Mapping[str, Any], words: str) -> None:
        """Print an answer: as JSON where that is wanted, else what was done and the warnings."""
        if self.as_json:
            print_json(answer)
            return
        click.echo(words)
        for warning in answer.get("warnings") or answer.get("validation", {}).get("warnings", ()):
            click.echo(f"warning: {told(warning)}", err=True)


def told(each: Mapping[str, str]) -> str:
    """A fault or a warning as a line: its message names the key once more, where it is a sentence."""
    return f"{each['field']}: {each['message'].removeprefix(each['field'].rpartition('.')[2] + ' ')}"


def _refusal(answer: Mapping[str, Any]) -> str:
    details = answer.get("details", {})
    lines = [told(each) for key in ("errors", "warnings") for each in details.get(key, ())]
    place = f" (line {details['line']})" if "line" in details else ""
    return "\n".join([f"{answer.get('error_code')}: {answer.get('message')}{place}", *(f"  {line}" for line in lines)])


def api_of(config: Config, url: str | None, *, as_json: bool) -> Api:
    """The API of a router of this configuration; at another URL, where one is given."""
    place, socket = (url.rstrip("/"), None) if url else _address(config)
    return Api(place, socket, _credential(config), as_json)


def greeted(config: Config) -> Api | None:
    """As `api_of`, where a router answers at the configuration's address; None where none does. It is asked without a
    credential first: another program may listen there.
    """
    api = api_of(config, None, as_json=False)
    transport = httpx.HTTPTransport(uds=api.socket) if api.socket else None
    with httpx.Client(transport=transport, timeout=_GREETING, trust_env=False) as client:
        try:
            answer = client.get(f"{api.url}/health")
        except httpx.TransportError:
            return None
    return api if answer.headers.get("server") == "continuum" else None


def _address(config: Config) -> tuple[str, str | None]:
    """A URL, and the socket where it has one."""
    address = parse_bind(config.server.bind_address)[0]
    if isinstance(address, UnixAddress):
        return "http://localhost", address.path
    scheme = "https" if config.server.tls is not None else "http"
    host = _ANY_HOST.get(address.host, address.host)
    return f"{scheme}://{TcpAddress(host, address.port)}", None


def _credential(config: Config) -> dict[str, str]:
    """Headers with the token of CONTINUUM_ADMIN_TOKEN, else the configured or the generated one."""
    auth = config.admin.auth
    if auth.method == "basic" and auth.username is not None and auth.password is not None:
        pair = f"{auth.username}:{auth.password.reveal()}".encode()
        return {"authorization": f"Basic {b64encode(pair).decode()}"}
    kept = auth.api_key if auth.method == "api_key" and auth.api_key is not None else auth.token
    token = os.environ.get(TOKEN_VARIABLE) or (kept.reveal() if kept is not None else None)
    token = token or AdminToken(state_folder(config.storage.dir, os.environ)).read()
    if token is None:
        return {}
    return {"x-api-key": token} if auth.method == "api_key" else {"authorization": f"Bearer {token}"}
