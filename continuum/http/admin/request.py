"""One request to the admin API, as its handlers see it, and the table row that names its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from continuum.errors import ConfigError, ConfigProblem, UnsupportedMediaType, VersionConflict
from continuum.http.admin.bodies import parse_json, shaped

if TYPE_CHECKING:
    from continuum.config.section import Group
    from continuum.http.admin.bodies import B
    from continuum.http.admin.door import Administrator
    from continuum.http.exchange import Exchange

__all__ = ["ANY", "REST", "Handler", "Query", "Request", "Row"]

ANY = "{"
"""How a segment of a row's path begins that stands for any one."""
REST = ":path}"
"""How one ends that stands for all that follow."""

_FORM = b"application/x-www-form-urlencoded"
_MIB = 1024 * 1024
_LONGEST = 18
"""Digits of a number that count: one with more is beyond every limit all the same."""

Handler = Callable[[Any, "Request"], Awaitable["Mapping[str, Any] | None"]]
"""(ground, request) -> the JSON object that 200 goes with; None: it has answered itself."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query, for the documentation; its handler reads it."""

    name: str
    schema: Mapping[str, Any]
    description: str


@dataclass(frozen=True, slots=True)
class Row:
    """One verb at one path. body: what is sent; optional: it may be absent; partial: any of its keys.
    answer: a TypedDict of what comes back.
    most: bytes a body may have.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answer: type[Any] | None
    body: type[Group] | None = None
    optional: bool = False
    partial: bool = False
    query: tuple[Query, ...] = ()
    most: int = 4 * _MIB
    versioned: bool = True

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's parts below /admin."""
        return tuple(self.path.strip("/").split("/"))


@dataclass(slots=True)
class Request:
    """What was asked. below: the place that the fields of faults are told from. tag: the number that the answer's ETag
    is to hold where it is not the configuration's version.
    """

    exchange: Exchange
    row: Row
    who: Administrator
    names: Mapping[str, str]
    below: str = ""
    body: Any = field(default_factory=dict[str, Any])
    tag: int | None = None

    def shaped(self, model: type[B]) -> B:
        """The body as what it must be. Raises ConfigError."""
        return shaped(model, self.body)

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters; of one given twice the last."""
        return dict(parse_qsl(self.exchange.scope["query_string"].decode("latin-1"), keep_blank_values=True))

    def number(self, name: str, default: int, least: int) -> int:
        """A whole number of the query. Raises ConfigError."""
        text = self.query.get(name)
        if text is None:
            return default
        number = int(text[:_LONGEST]) if text.isascii() and text.isdigit() else -1
        if number < least:
            raise ConfigError([ConfigProblem(f"must be a whole number, at least {least}", name)])
        return number

    def flag(self, name: str) -> bool:
        """A yes or no of the query. Raises ConfigError."""
        text = self.query.get(name, "false").lower()
        if text not in {"true", "false", "1", "0", ""}:
            raise ConfigError([ConfigProblem("must be true or false", name)])
        return text in {"true", "1", ""}

    def expects(self, current: int) -> int | None:
        """The version that If-Match names; None where the caller takes any. Raises VersionConflict."""
        if not self.matches(current):
            raise VersionConflict(current)
        return None if self.exchange.headers.get(b"if-match", b"*").strip() == b"*" else current

    def matches(self, current: int) -> bool:
        """Whether If-Match names this number, or any, or is not there."""
        header = self.exchange.headers.get(b"if-match", b"*")
        tags = [tag.strip().removeprefix(b"W/") for tag in header.split(b",")]
        return b"*" in tags or b'"%d"' % current in tags

    async def read(self, gap: float) -> None:
        """Take the body, where this verb has one. gap: seconds without any of it. Raises CallerError, ParseError."""
        if self.row.body is None and self.exchange.scope["method"] in {"GET", "HEAD", "DELETE"}:
            return
        headers = self.exchange.headers
        self._check_media_type(headers)
        content = await self.exchange.body(self.row.most, gap)
        if content.strip():
            self.body = parse_json(content)
        elif self.row.body is not None and not self.row.optional:
            raise ConfigError([ConfigProblem("the body must be a JSON object; there is none")])

    def _check_media_type(self, headers: Mapping[bytes, bytes]) -> None:
        if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
            raise UnsupportedMediaType("encoded bodies are not read here: send it without Content-Encoding")
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json")):
            return
        # These two a web page could send without being asked first: only to callers who have shown a credential.
        if kind in (b"", _FORM) and self.who.proven and b"origin" not in headers:
            return
        if not kind and not _announces_body(headers):
            return
        raise UnsupportedMediaType("send the body as Content-Type: application/json")


def _announces_body(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
