"""One request as the upstream received it, and what became of its answer."""

import json
from dataclasses import dataclass, field
from math import inf
from typing import Any, cast

import trio


@dataclass(eq=False, slots=True)
class Request:
    """A received request.

    `order` counts arrivals in the upstream and `ordinal` those on the connection, both from 1; `at` is trio time.
    Header names are in lower case, in the order received. `aborted_at` is infinite until the caller left early.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    order: int
    ordinal: int
    connection: int
    at: float
    answered: trio.Event = field(default_factory=trio.Event)
    aborted_at: float = inf
    _aborted: trio.Event = field(default_factory=trio.Event)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        """The parsed body; None when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def model(self) -> str:
        """The model asked for; empty when none is named."""
        return str(self._field("model") or "")

    @property
    def streaming(self) -> bool:
        """Whether a stream was asked for."""
        return self._field("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether `stream_options.include_usage` was set."""
        options: Any = self._field("stream_options")
        return isinstance(options, dict) and cast("dict[str, Any]", options).get("include_usage") is True

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for known, value in self.headers if known == name.lower()), None)

    async def aborted(self) -> float:
        """Wait until the caller has closed before its answer was complete; the trio time at which it did."""
        await self._aborted.wait()
        return self.aborted_at

    def mark_aborted(self, at: float) -> None:
        """Say that the caller left; for the server."""
        self.aborted_at = at
        self._aborted.set()

    def _field(self, name: str) -> Any:
        body: Any = self.json
        return cast("dict[str, Any]", body).get(name) if isinstance(body, dict) else None
