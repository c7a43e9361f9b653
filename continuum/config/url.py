"""What a backend's URL may be, and the addresses no backend may have, in whatever notation: pure text, no DNS."""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, WithJsonSchema

PORT_FIELD = "{port}"
"""Stands for the free port of a managed server, in its command line and its URL."""

_HOST_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,254}}$)(?:{_HOST_LABEL}\.)*{_HOST_LABEL}\.?")
_LABEL = re.compile(r"0x[0-9a-f]*|[0-9]+")
_METADATA_NAMES = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.tencentyun.com",
    }
)
_FORBIDDEN = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local: the metadata service of most clouds
        "fe80::/10",  # link-local
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.192/32",  # Oracle Cloud
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google Cloud
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_FORBIDDEN_RULE = "must not be a link-local or metadata address"


@dataclass(frozen=True, slots=True)
class BackendUrl:
    """A backend's URL in parts.

    `base` has neither a trailing slash nor a trailing `/v1`; `socket` is the unix socket of an `http+unix` URL.
    """

    base: str
    scheme: str
    host: str
    port: int | None
    path: str
    socket: str | None


def parse_url(text: str) -> BackendUrl:
    """Take a backend's URL apart. ValueError says which rule it breaks, never repeating it (it may hold a password)."""
    if any(unicodedata.category(char)[0] in "CZ" for char in text) or "\\" in text:
        raise ValueError("must not hold spaces, control characters or backslashes")
    try:
        parts = urlsplit(text)
        bracketed = "[" in parts.netloc
    except ValueError:
        raise ValueError("must be a URL such as http://127.0.0.1:8000") from None
    if parts.scheme not in {"http", "https", "http+unix"} or not text[len(parts.scheme) :].startswith("://"):
        raise ValueError("must begin with http://, https:// or http+unix://")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password; use api_key or headers")
    if "#" in text or "?" in text:
        raise ValueError("must not hold a fragment or a query")
    if parts.scheme == "http+unix":
        return _unix(parts)
    port = _port(parts)
    host = _ipv6(parts) if bracketed else _name(parts)
    path = _path(parts.path)
    shown = f"[{host}]" if bracketed else host
    place = shown if port is None else f"{shown}:{port}"
    return BackendUrl(f"{parts.scheme}://{place}{path}", parts.scheme, host, port, path, None)


def joined(prefix: str, target: str) -> str:
    """A request's target below a URL's path; what the path's end and the target's beginning share is said once, so
    that `https://host/v1beta/openai` means what `https://host` does.
    """
    segments = prefix.split("/")
    for start in range(1, len(segments)):
        tail = "/" + "/".join(segments[start:])
        if target.startswith(f"{tail}/"):
            return "/".join(segments[:start]) + target
    return prefix + target


def _unix(parts: SplitResult) -> BackendUrl:
    socket = _path(parts.path)
    if parts.netloc or len(socket) <= 1:
        raise ValueError("must be http+unix:// and an absolute path, as in http+unix:///run/model.sock")
    return BackendUrl(f"http+unix://{socket}", parts.scheme, "localhost", None, "", socket)


def _path(path: str) -> str:
    return path.rstrip("/").removesuffix("/v1").rstrip("/")


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("must have a port from 1 to 65535")
    return port


def _ipv6(parts: SplitResult) -> str:
    try:
        address = IPv6Address(parts.hostname or "")
    except ValueError:
        raise ValueError("must hold an IPv6 address between its brackets") from None
    if address.scope_id is not None or is_forbidden(str(address)):
        raise ValueError(_FORBIDDEN_RULE)
    return str(address)


def _name(parts: SplitResult) -> str:
    host = unicodedata.normalize("NFKC", parts.hostname or "").lower().replace("\u3002", ".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise ValueError("must have a valid host name") from None
    if is_forbidden(host):
        raise ValueError(_FORBIDDEN_RULE)
    if not _HOST.fullmatch(host):
        raise ValueError("must have a valid host name")
    return host


def is_forbidden(host: str) -> bool:
    """Is the host (a name, or an address in any notation) link-local or a cloud's metadata service?

    Names are judged by what they say: whoever connects asks again with the address a name resolved to.
    """
    name = host.lower().rstrip(".").partition("%")[0]
    if name in _METADATA_NAMES:
        return True
    try:
        address = _loose_ipv4(name) or ip_address(name)
    except ValueError:
        return False
    return any(each in network for each in _meanings(address) for network in _FORBIDDEN)


def _meanings(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address and the IPv4 addresses it may stand for: mapped, compatible, 6to4, Teredo, NAT64."""
    found: list[IPv4Address | IPv6Address] = [address]
    if isinstance(address, IPv6Address):
        number = int(address)
        found += [each for each in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())) if each]
        if number >> 32 == 0 or address in _NAT64:
            found.append(IPv4Address(number & 0xFFFFFFFF))
    return found


def _loose_ipv4(text: str) -> IPv4Address | None:
    """An IPv4 address as C libraries read it: one to four parts, each decimal, octal or hexadecimal."""
    labels = text.split(".")
    if len(labels) > 4 or not all(_LABEL.fullmatch(label) and len(label) <= 16 for label in labels):
        return None
    try:
        numbers = [_loose_number(label) for label in labels]
    except ValueError:
        return None
    *head, tail = numbers
    if any(number > 0xFF for number in head) or tail >= 256 ** (4 - len(head)):
        return None
    value = tail
    for place, number in enumerate(head):
        value |= number << (24 - 8 * place)
    return IPv4Address(value)


def _loose_number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)


def _check(text: str) -> str:
    parse_url(text.replace(PORT_FIELD, "1"))
    return text


Url = Annotated[
    str,
    AfterValidator(_check),
    WithJsonSchema({"type": "string", "pattern": r"^(https?://[^\s/?#@\\]+[^\s?#@\\]*|http\+unix:///[^\s?#@\\]+)$"}),
]
"""An http, https or http+unix URL of a backend; a trailing `/v1` changes nothing."""
