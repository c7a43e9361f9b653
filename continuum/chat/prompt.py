"""A text that the router puts into a request's system prompt, and the one rule of where it goes. Pure.

The request's own system prompt is the run of system and developer messages that it begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from continuum.chat.message import Message, Text

__all__ = ["SYSTEM_ROLES", "GlobalPrompt"]

T = TypeVar("T")

SYSTEM_ROLES: Final = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True)
class GlobalPrompt:
    """text: as it stands, never "". separator: between it and the request's own."""

    text: str
    strategy: Literal["prepend", "append", "replace"] = "prepend"
    separator: str = "\n\n"

    def joined(self, own: str) -> str:
        """One text of both."""
        if not own or self.strategy == "replace":
            return self.text
        first, second = (self.text, own) if self.strategy == "prepend" else (own, self.text)
        return f"{first}{self.separator}{second}"

    def beside(self, others: Sequence[T], new: T) -> list[T]:
        """Something new that says it, on its side of the others."""
        return [new, *others] if self.strategy == "prepend" else [*others, new]

    @property
    def place(self) -> int:
        """Which of several it meets: the first of them, or the last."""
        return 0 if self.strategy == "prepend" else -1

    def merged(
        self, messages: Sequence[T], *, is_system: Callable[[T], bool], new: T, meet: Callable[[T], Sequence[T]]
    ) -> list[T]:
        """The messages with it, in whichever form they are. new: a system message that says it alone. meet: what
        stands in the place of a system message of the request that it meets.

        Prepended, it meets the first message of the request's own system prompt; appended, the last; replacing, it
        stands for every system and developer message there is. Where there is none to meet, it is the first message.
        """
        if self.strategy == "replace":
            return [new, *(message for message in messages if not is_system(message))]
        looked_at = messages[:1] if self.strategy == "prepend" else messages  # to look at a long message costs time
        leading = next((at for at, each in enumerate(looked_at) if not is_system(each)), len(looked_at))
        if not leading:
            return [new, *messages]
        return [*messages[: leading - 1], *meet(messages[leading - 1]), *messages[leading:]]

    def added_to(self, messages: Sequence[Message]) -> list[Message]:
        """The conversation with it; the messages given stay as they are."""
        return self.merged(
            messages,
            is_system=lambda message: message.role in SYSTEM_ROLES,
            new=Message.of_text("system", self.text),
            meet=lambda message: [self._met(message)],
        )

    def _met(self, message: Message) -> Message:
        parts = message.parts
        own = parts[self.place] if parts else Text("")
        if not isinstance(own, Text):
            return replace(message, parts=self.beside(parts, Text(self.text)))
        text = Text(self.joined(own.text))
        return replace(message, parts=[text, *parts[1:]] if self.place == 0 else [*parts[:-1], text])
