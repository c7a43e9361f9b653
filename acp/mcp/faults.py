"""Why an MCP server is of no use: what the official client and its HTTP client raise, in words that people understand.

No URL, address or header goes into them, and of the server's own words only what redaction leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

import httpx2
from mcp.shared.exceptions import MCPError
from mcp_types import PARSE_ERROR

from continuum.backends.transport.cause import Cause, cause_of
from continuum.redact import redact

from ..servers import ServerFault
from .http import Answers, Veil

__all__ = ["reason_of", "refusal_of", "status_of"]

_NOT_MCP: Final = "what answers at its URL is no MCP server"
_BY_CAUSE: Final[Mapping[Cause, str]] = {
    Cause.REFUSED: "the connection is refused: nothing listens at its address",
    Cause.UNREACHABLE: "its address cannot be reached",
    Cause.UNKNOWN_NAME: "its host name is not known",
    Cause.NOT_PERMITTED: "the connection is not permitted",
    Cause.UNTRUSTED: "nobody trusted vouches for its TLS certificate",
    Cause.EXPIRED: "its TLS certificate is out of date",
    Cause.OTHER_NAME: "its TLS certificate is for another name",
    Cause.NO_TLS: "it does not speak TLS: is its URL to begin with http://?",
    Cause.TLS: "no secure connection to it can be made",
}
_BY_KIND: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (httpx2.UnsupportedProtocol, "its URL is no http:// or https:// address"),
    (httpx2.InvalidURL, "its URL is no http:// or https:// address"),
    (httpx2.TimeoutException, "it does not answer in time"),
    (httpx2.ProtocolError, _NOT_MCP),
    (httpx2.SSEError, _NOT_MCP),
    (httpx2.DecodingError, _NOT_MCP),
    (httpx2.TransportError, "the connection to it broke"),
)
_BY_STATUS: Final[Mapping[int, str]] = {
    401: "it wants other credentials: look at the headers that it is given",
    403: "it does not let these credentials in: look at the headers that it is given",
    404: "there is no MCP server at its URL",
    405: "there is no MCP server at its URL",
    429: "it is asked too often",
}
_LONGEST_TYPE: Final = 60


def reason_of(fault: BaseException, answers: Answers, veil: Veil) -> str:
    """Why it could not be connected, or went away."""
    chain = list(_chain(fault))
    for each in chain:
        match each:
            case ServerFault():
                return str(each)
            case MCPError():
                return refusal_of(each, answers, veil)
            case httpx2.HTTPStatusError():
                return status_of(each.response.status_code)
            case _:
                pass
    connecting = any(isinstance(each, httpx2.ConnectError) for each in chain)
    causes = (_BY_CAUSE.get(cause_of(each)) for each in chain if connecting)
    kinds = (words for each in chain for kind, words in _BY_KIND if isinstance(each, kind))
    known = next(filter(None, causes), None) or next(kinds, None)
    return known or (_NOT_MCP if answers.heard else f"it cannot be used ({type(chain[0]).__name__})")


def refusal_of(fault: MCPError, answers: Answers, veil: Veil) -> str:
    """Why a request got an error: HTTP's refusal, an answer that is none of MCP, or what the server itself says."""
    words, status = redact(veil(fault.message)), answers.refusal
    if status is not None:
        told = 400 <= status < 500 and status not in _BY_STATUS
        return f"{status_of(status)}: {words}" if told else status_of(status)
    if answers.foreign_type is not None:
        return f"{_NOT_MCP}: it sends {redact(veil(answers.foreign_type))[:_LONGEST_TYPE]}"
    return _NOT_MCP if fault.code == PARSE_ERROR else f"it refuses: {words}"


def status_of(status: int) -> str:
    """What a refusing HTTP status means."""
    if status < 400:
        words = "it redirects elsewhere: give the address that it redirects to"
    else:
        words = _BY_STATUS.get(status, "it fails" if status >= 500 else "it refuses")
    return f"{words} (HTTP {status})"


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """A fault, those in its group, and those that it came from."""
    if isinstance(fault, BaseExceptionGroup):
        for member in cast("BaseExceptionGroup[BaseException]", fault).exceptions:
            yield from _chain(member)
    else:
        yield fault
    came_from = fault.__cause__ or fault.__context__
    if came_from is not None:
        yield from _chain(came_from)
