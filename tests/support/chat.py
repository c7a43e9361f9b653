"""Chat requests and what came back, read as strictly as the contract words it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import trio
from patience import PATIENCE_S

from continuum.testing.upstream import WORDS

CHAT = "/v1/chat/completions"
TEXT = "".join(WORDS)
MODEL = "test-model"


def asked(model: object = MODEL, *, stream: bool = False, usage: bool = False, **more: Any) -> dict[str, Any]:
    """A chat request's body."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
    if stream:
        body["stream"] = True
    if usage:
        body["stream_options"] = {"include_usage": True}
    return body


@dataclass(slots=True)
class Received:
    """An answer, plain or streamed. `ended` says whether HTTP saw its proper end."""

    status: int
    headers: Mapping[str, str]
    raw: bytes = b""
    events: list[Any] = field(default_factory=list[Any])
    done: bool = False
    ended: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> Mapping[str, Any]:
        """The error of an error body, or the one error event of a stream."""
        if self.headers["content-type"].startswith("application/json"):
            found: Mapping[str, Any] = self.json["error"]
            return found
        (event,) = [event for event in self.events if "error" in event]
        return dict(event["error"])

    @property
    def text(self) -> str:
        """All content."""
        if self.events:
            return "".join(choice["delta"].get("content") or "" for choice in self._choices())
        return str(self.json["choices"][0]["message"]["content"])

    @property
    def finish_reasons(self) -> list[str]:
        """Those that were given, in order."""
        return [choice["finish_reason"] for choice in self._choices() if choice.get("finish_reason")]

    def is_whole(self) -> bool:
        """Whether it is the scripted upstream's ordinary answer, complete and nothing else."""
        if self.status != 200 or not self.ended:
            return False
        if not self.events:
            return self.text == TEXT
        no_errors = not any("error" in event for event in self.events)
        return no_errors and self.done and self.finish_reasons == ["stop"]

    def _choices(self) -> list[Any]:
        return [choice for event in self.events for choice in event.get("choices", ())]


async def ask(
    client: httpx.AsyncClient,
    body: Mapping[str, Any] | bytes,
    headers: Mapping[str, str] | None = None,
    *,
    begun: trio.Event | None = None,
) -> Received:
    """Send a chat request and take the whole answer. begun: set when the first of it is here."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": "application/json", **(headers or {})}
    async with client.stream("POST", CHAT, content=content, headers=named) as response:
        received = Received(response.status_code, dict(response.headers))
        try:
            async for data in response.aiter_bytes():
                received.raw += data
                if begun is not None:
                    begun.set()
        except httpx.RemoteProtocolError:
            received.ended = False
    if received.headers.get("content-type", "").startswith("text/event-stream"):
        _read_events(received)
    return received


def client_of(url: str, **more: Any) -> httpx.AsyncClient:
    """A client of a router or an upstream."""
    return httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S, **more)


def event_data(raw: bytes) -> list[str]:
    """The payloads of a stream that keeps to one `data:` line per event; comments are skipped."""
    payloads: list[str] = []
    for block in raw.decode("utf-8").split("\n\n")[:-1]:
        if block.startswith(":"):
            continue
        assert block.startswith("data: "), f"not one data line: {block!r}"
        assert "\n" not in block, f"more than one line: {block!r}"
        payloads.append(block.removeprefix("data: "))
    assert raw == b"" or raw.endswith(b"\n\n"), f"broken off within an event: {raw[-80:]!r}"
    return payloads


def _read_events(received: Received) -> None:
    for payload in event_data(received.raw):
        assert not received.done, f"an event after [DONE]: {payload!r}"
        if payload == "[DONE]":
            received.done = True
        else:
            received.events.append(json.loads(payload))
