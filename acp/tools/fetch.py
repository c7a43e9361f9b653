"""fetch_url: a page from the network as text; this machine and metadata services are out of reach unless allowed."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Final, NamedTuple

import httpx
import trio
from msgspec import Meta

from continuum.config.url import is_forbidden
from continuum.version import VERSION

from ..jsonrpc import JsonObject
from ..workbench import Workbench
from .base import Action, Arguments, Output, Progress, ToolFault, read_arguments

__all__ = ["DESCRIPTION", "Parameters", "prepare"]

DESCRIPTION: Final = "Fetch a page or a text file by its http or https URL."

_LARGEST: Final = 4 * 1024 * 1024  # bytes of a body
_TIME: Final = 30.0  # seconds for all of it
_MOST_REDIRECTS: Final = 5
_LONGEST_URL: Final = 4096
_TEXTUAL: Final = re.compile(r"text/|application/([\w.+-]*(json|xml|yaml|toml|javascript)|x-sh)", re.IGNORECASE)
_UNSEEN: Final = re.compile(r"<(script|style|head|noscript|svg)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_BREAKS: Final = re.compile(r"<(br|/?p|/?div|/?li|/?tr|/?h\d|/?ul|/?ol|/?table|/?section)\b[^>]*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]*>")


class Parameters(Arguments):
    """Of fetch_url."""

    url: Annotated[str, Meta(description="The URL, http or https.")]


class _Page(NamedTuple):
    status: int
    kind: str
    body: bytes
    charset: str
    location: str | None


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Judge the URL; where its name leads is judged when it is connected to."""
    url = _judged(read_arguments(Parameters, arguments).url)
    allowed = bench.tools.fetch_local

    async def run(_: Progress) -> Output:
        with trio.move_on_after(_TIME):
            return await _fetch(url, local=allowed)
        raise ToolFault(f"{url}: no answer within {_TIME:.0f} s")

    return Action(f"Fetch {url}", run, grant=f"fetch {url}")


def _judged(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text if len(text) <= _LONGEST_URL else "")
    except (httpx.InvalidURL, TypeError, ValueError):
        raise ToolFault("The URL is not valid") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ToolFault("The URL must begin with http:// or https://")
    if url.userinfo:
        raise ToolFault("The URL must not hold a user name or a password")
    return url


async def _fetch(url: httpx.URL, *, local: bool) -> Output:
    """Follows redirects as far as they stay on the host that the user has seen."""
    async with httpx.AsyncClient(
        trust_env=False, follow_redirects=False, timeout=httpx.Timeout(_TIME), headers=_headers()
    ) as client:
        here = url
        for _ in range(_MOST_REDIRECTS):
            page = await _get(client, here, local=local)
            if page.location is None:
                return _output(here, page)
            there = _judged(str(here.join(page.location)))
            if there.host != url.host:
                return Output(f"{here} leads to {there}: fetch that to go on", raw={"status": page.status})
            here = there
    raise ToolFault(f"{url}: too many redirects")


def _headers() -> dict[str, str]:
    return {"user-agent": f"continuum/{VERSION}", "accept": "text/html, text/*, application/json;q=0.9, */*;q=0.1"}


async def _get(client: httpx.AsyncClient, url: httpx.URL, *, local: bool) -> _Page:
    async def trace(event: str, info: Mapping[str, Any]) -> None:
        """Httpcore calls it with the new stream before anything is sent over it."""
        if event != "connection.connect_tcp.complete":
            return
        address = info["return_value"].get_extra_info("server_addr")
        if not local and (address is None or _is_local(str(address[0]))):
            await info["return_value"].aclose()
            raise ToolFault(f"{url.host}: refused: it leads to this machine or a metadata service")

    try:
        async with client.stream("GET", url, extensions={"trace": trace}) as answer:
            location = answer.headers.get("location") if answer.is_redirect else None
            body = bytearray() if location else await _body(answer)
            kind = answer.headers.get("content-type", "")
            return _Page(answer.status_code, kind, bytes(body), answer.charset_encoding or "utf-8", location)
    except (httpx.HTTPError, UnicodeError) as error:  # a label of a name may be too long to be looked up
        raise ToolFault(f"{url}: cannot be fetched ({type(error).__name__})") from None


async def _body(answer: httpx.Response) -> bytearray:
    """The body, or as much of it as anybody wants."""
    body = bytearray()
    try:
        async for chunk in answer.aiter_bytes():
            body += chunk[: _LARGEST - len(body)]
            if len(body) >= _LARGEST:
                await answer.aclose()  # rather than leaving the loop: httpx's inner generators must end, too
    except (httpx.StreamError, httpx.TransportError, trio.ClosedResourceError):
        if len(body) < _LARGEST:
            raise
    return body


def _is_local(address: str) -> bool:
    place = ip_address(address.partition("%")[0])
    mapped = getattr(place, "ipv4_mapped", None) or place
    return (
        is_forbidden(address)
        or mapped.is_loopback
        or mapped.is_link_local
        or mapped.is_unspecified
        or mapped.is_multicast
    )


def _output(url: httpx.URL, page: _Page) -> Output:
    failed = page.status >= 400
    if page.kind and not _TEXTUAL.match(page.kind):
        return Output(f"{url}: status {page.status}, {page.kind}, {len(page.body)} bytes, not shown", failed=failed)
    text = _text(page)
    if "html" in page.kind.lower():
        text = _plain(text)
    return Output(f"({url}: status {page.status})\n{text}", raw={"status": page.status}, failed=failed)


def _text(page: _Page) -> str:
    try:
        return page.body.decode(page.charset, "replace")
    except (LookupError, ValueError):  # no such encoding, or none of texts
        return page.body.decode("utf-8", "replace")


def _plain(text: str) -> str:
    """What a page says, without its marks."""
    text = _TAG.sub("", _BREAKS.sub("\n", _UNSEEN.sub("", text)))
    lines = (" ".join(line.split()) for line in html.unescape(text).splitlines())
    return "\n".join(line for line in lines if line)
