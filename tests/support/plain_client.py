"""An HTTP client that knows nothing of the product: the standard library's, a connection for each request."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from patience import PATIENCE_S

_NOTHING: Any = object()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. headers: by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON and say so."""
        assert self.headers["content-type"] == "application/json", self
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class PlainClient:
    """Sends to paths below `url`, which may have a path of its own. headers: sent with each request."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = _NOTHING,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request. body: as JSON; raw: as it is. A header that is given empty is left out."""
        place = urlsplit(self.url)
        content = raw if body is _NOTHING else json.dumps(body).encode()
        sent = {**self.headers, **({} if body is _NOTHING else {"Content-Type": "application/json"}), **(headers or {})}
        return send(f"{place.hostname}:{place.port}", method, place.path + path, sent.items(), content)


def send(place: str, method: str, target: str, headers: Iterable[tuple[str, str]], content: bytes | None) -> Answer:
    """One request, its target and its fields exactly as given; one may be given twice. No Host: the usual one."""
    connection = http.client.HTTPConnection(place, timeout=PATIENCE_S)
    try:
        fields = [(name, value) for name, value in headers if value]
        names = {name.lower() for name, _ in fields}
        connection.putrequest(method, target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value.encode())
        if content is not None:
            connection.putheader("Content-Length", str(len(content)))
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it is sent: the answer tells
            connection.endheaders(content)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()
