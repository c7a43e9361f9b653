"""What people are told about a backend's trouble: what happened, and how to mend it. One row for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from continuum.backends.checkup import Kind
from continuum.backends.transport import Cause

if TYPE_CHECKING:
    from continuum.backends.checkup import Trouble

__all__ = ["MENDS", "Advice", "Named", "advice"]


class Named(NamedTuple):
    """How a backend's keys are called where it was configured: by the file's keys, or by variables."""

    url: str = "its url"
    api_key: str = "its api_key"


class Advice(NamedTuple):
    """what: "" where the trouble's own words say it. Both may hold {url}, {api_key}, {said} and {subject}."""

    what: str
    mend: str


MENDS: Mapping[str, Advice] = MappingProxyType(
    {
        Cause.REFUSED: Advice(
            "nothing listens at its address: connection refused", "start its server, or correct {url}"
        ),
        Cause.UNREACHABLE: Advice("its address cannot be reached", "check network, VPN and firewall, or correct {url}"),
        Cause.UNKNOWN_NAME: Advice("its host name is not known", "correct the name in {url}, or this machine's DNS"),
        Cause.NO_SOCKET: Advice("its socket is not there", "start the server that makes the socket, or correct {url}"),
        Cause.NOT_PERMITTED: Advice(
            "connecting to it is not permitted", "let this user open its socket, or correct {url}"
        ),
        Cause.FORBIDDEN: Advice(
            "its name leads to a link-local address or a metadata service",
            "correct {url}: such addresses are never called",
        ),
        Cause.UNTRUSTED: Advice(
            "nobody this machine trusts vouches for its certificate", "name the file of its authority in tls.ca_file"
        ),
        Cause.EXPIRED: Advice("its certificate is out of date", "renew it at the server, or set this machine's clock"),
        Cause.OTHER_NAME: Advice("its certificate is for another name", "use the name it was made for in {url}"),
        Cause.NO_TLS: Advice("it does not speak TLS", "write http:// instead of https:// in {url}"),
        Cause.TLS: Advice("TLS cannot be agreed on", "check the server's TLS, and whether it wants a tls.cert_file"),
        Cause.OTHER: Advice("there is no connection to it", "check {url} and the network"),
        Kind.TIMEOUT: Advice(
            "{said}", "see whether it is busy, still starting, or behind a firewall; --timeout waits longer"
        ),
        Kind.KEY_MISSING: Advice("it wants a key: {said}", "set {api_key}"),
        Kind.KEY_REFUSED: Advice("it refuses the key: {said}", "correct {api_key}"),
        Kind.THROTTLED: Advice("it throttles: {said}", "wait a little, or give it further api_keys"),
        Kind.WRONG_PATH: Advice(
            "no list of models at that path: {said}",
            "correct the path in {url} (/v1 is added by itself), or name its models under models",
        ),
        Kind.REDIRECTED: Advice("it sends us elsewhere: {said}", "write the final address in {url}; perhaps https://"),
        Kind.REJECTED: Advice("it refuses to list its models: {said}", "check {url} and its type"),
        Kind.SERVER_ERROR: Advice("it fails: {said}", "look at that server's own log"),
        Kind.NOT_HTTP: Advice(
            "it does not answer in HTTP", "check the port in {url}; a server with TLS wants https://"
        ),
        Kind.NO_LIST: Advice(
            "what answers there is no model server", "correct {url}, or name its models under models if it is one"
        ),
        Kind.NO_MODELS: Advice("it has no models", "load or pull a model there"),
        Kind.UNLISTED_MODEL: Advice("it does not list the model {subject!r}", "correct its models, if calls fail"),
        Kind.PROBE_FAILS: Advice(
            "{said}", "correct health_check.path, or switch it off with health_check.enabled: false"
        ),
        Kind.NO_PROGRAM: Advice("the program {subject!r} is not found", "install it, or correct managed.command"),
        Kind.NOT_STARTED: Advice("{said}", "run managed.command by hand to see why, or raise managed.start_timeout"),
    }
)


def advice(trouble: Trouble, named: Named) -> Advice:
    """What to say of a trouble."""
    row = MENDS.get(trouble.kind, MENDS[Cause.OTHER])
    words = {"said": trouble.said, "subject": trouble.subject, "url": named.url, "api_key": named.api_key}
    what, mend = row.what.format(**words), row.mend.format(**words)
    if trouble.kind == Kind.KEY_REFUSED and trouble.subject:
        return Advice(f"it refuses {trouble.subject}: {trouble.said}", "correct it in api_keys, or take it out")
    return Advice(what, mend)
