"""HTTP to MCP servers: the client that the official one is given, what is noted of answers, what no text may show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import httpx2

__all__ = ["Answers", "Veil", "client", "veil_of"]

# Connecting and writing. Answers are waited for without a limit of their own: the start has one (link), so has each
# call (tools.command_timeout), and the streams between calls may be quiet for hours.
_TIMES: Final = httpx2.Timeout(30.0, read=None)
_MCP_TYPES: Final = ("application/json", "text/event-stream")
_SHORTEST_SECRET: Final = 8  # characters: what is shorter, say "1" or "true", would tear holes into every text

Veil = Callable[[str], str]


class Answers:
    """What a server said to the last request, as far as HTTP tells.

    heard: it has answered at all. refusal: the status, where it is none of success. foreign_type: the content type,
    where MCP does not speak it.
    """

    def __init__(self) -> None:
        self.heard = False
        self.refusal: int | None = None
        self.foreign_type: str | None = None

    async def note(self, response: httpx2.Response) -> None:
        """Take an answer; those to GET and DELETE are optional in MCP, and refusals no fault."""
        self.heard = True
        if response.request.method != "POST":
            return
        kind = response.headers.get("content-type", "").lower()
        self.refusal = None if response.is_success else response.status_code
        self.foreign_type = kind if kind and not kind.startswith(_MCP_TYPES) else None


def client(headers: Mapping[str, str], answers: Answers) -> httpx2.AsyncClient:
    """A client that sends these headers and has its answers noted."""
    return httpx2.AsyncClient(headers=dict(headers), timeout=_TIMES, event_hooks={"response": [answers.note]})


def veil_of(values: Iterable[str]) -> Veil:
    """What takes these header values out of a text: whole, and the credentials behind a scheme such as Bearer."""
    parts = {part for value in values for part in (value, value.rpartition(" ")[2]) if len(part) >= _SHORTEST_SECRET}
    if not parts:
        return str
    pattern = re.compile("|".join(re.escape(part) for part in sorted(parts, key=len, reverse=True)))
    return lambda text: pattern.sub("[redacted]", text)
