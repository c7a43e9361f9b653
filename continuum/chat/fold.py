"""Events folded into one response, and a response unfolded into events. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from continuum.chat.event import (
    Failed,
    Finished,
    Opaque,
    PartEnded,
    PartKind,
    PartStarted,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolArgsDelta,
    Usage,
    UsageReported,
    VendorFields,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from continuum.chat.event import Event

__all__ = ["ChatResponse", "Choice", "Fold", "ResponsePart", "fold", "unfold"]


@dataclass(slots=True)
class ResponsePart:
    """One finished part: `text` is the text, the reasoning or the tool call's arguments."""

    kind: PartKind
    text: str = ""
    id: str = ""
    name: str = ""
    vendor: dict[str, object] | None = None


@dataclass(slots=True)
class Choice:
    """One answer; finish_reason is empty while nobody has said why it ended."""

    parts: list[ResponsePart] = field(default_factory=list[ResponsePart])
    finish_reason: str = ""
    opaque: list[Opaque] = field(default_factory=list[Opaque])


@dataclass(slots=True)
class ChatResponse:
    """A whole answer; usage is None when the backend never said. vendor: fields that only its dialect knows."""

    id: str = ""
    model: str = ""
    created: int = 0
    choices: list[Choice] = field(default_factory=list[Choice])
    usage: Usage | None = None
    vendor: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def text(self) -> str:
        """The first choice's text, all text parts joined."""
        return "".join(p.text for p in self.choices[0].parts if p.kind == "text") if self.choices else ""


class Fold:
    """Takes events one by one; `response` is what they amount to so far. A Failed event is raised."""

    def __init__(self) -> None:
        self._head = Started("", "")
        self._choices: dict[int, Choice] = {}
        self._parts: dict[tuple[int, int], tuple[ResponsePart, list[str]]] = {}
        self._usage: Usage | None = None
        self._vendor: dict[str, object] = {}

    def add(self, event: Event) -> None:  # noqa: C901 - one case per event
        """Take one event."""
        match event:
            case TextDelta(text, index, choice) | ReasoningDelta(text, index, choice):
                self._parts[choice, index][1].append(text)
            case ToolArgsDelta(json, index, choice):
                self._parts[choice, index][1].append(json)
            case PartStarted(index, kind, call_id, name, choice):
                part = ResponsePart(kind, "", call_id, name)
                self._parts[choice, index] = (part, [])
                self._choice(choice).parts.append(part)
            case PartEnded(index, choice, vendor):
                self._parts[choice, index][0].vendor = vendor
            case Started():
                self._head = event
            case UsageReported(usage):
                self._usage = usage
            case Finished(reason, choice):
                self._choice(choice).finish_reason = reason
            case Opaque(choice=choice):
                self._choice(choice).opaque.append(event)
            case VendorFields(fields=fields):
                self._vendor.update(fields)
            case Failed(error):
                raise error

    def _choice(self, number: int) -> Choice:
        return self._choices.setdefault(number, Choice())

    @property
    def response(self) -> ChatResponse:
        """What was taken so far, as one response."""
        for part, pieces in self._parts.values():
            part.text = "".join(pieces)
        choices = [self._choices[number] for number in sorted(self._choices)]
        return ChatResponse(self._head.id, self._head.model, self._head.created, choices, self._usage, self._vendor)


def fold(events: Iterable[Event]) -> ChatResponse:
    """One response out of a whole stream's events."""
    folder = Fold()
    for event in events:
        folder.add(event)
    return folder.response


def _delta(part: ResponsePart, index: int, choice: int) -> Event:
    if part.kind == "tool":
        return ToolArgsDelta(part.text, index, choice)
    return (ReasoningDelta if part.kind == "reasoning" else TextDelta)(part.text, index, choice)


def unfold(response: ChatResponse) -> Iterator[Event]:
    """The events of a stream that would have given this response."""
    yield Started(response.id, response.model, response.created)
    for number, choice in enumerate(response.choices):
        for index, part in enumerate(choice.parts):
            yield PartStarted(index, part.kind, part.id, part.name, number)
            if part.text:
                yield _delta(part, index, number)
            yield PartEnded(index, number, part.vendor)
        yield from choice.opaque
        if choice.finish_reason:
            yield Finished(choice.finish_reason, number)
    if response.usage is not None:
        yield UsageReported(response.usage)
