"""Strings that are never shown."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

__all__ = ["MASK", "REVEALED", "Credential", "Secret", "is_masked", "mask"]

MASK = "***"
_MASKED = re.compile(r".{3}\*\*\*.{4}|\*\*\*", re.DOTALL)
_SHORTEST_SHOWN = 12  # characters: of fewer, seven would be too many to show
REVEALED = "revealed"
"""The key of a serialization context that shows secrets as they are."""


def mask(text: str) -> str:
    """A secret as a view shows it: `sk-***abcd`; `***` when it is short."""
    return f"{text[:3]}{MASK}{text[-4:]}" if len(text) >= _SHORTEST_SHOWN else MASK


def is_masked(text: str) -> bool:
    """Does this text look like what `mask` makes?"""
    return _MASKED.fullmatch(text) is not None


class Secret:
    """A string that is never shown: `str`, `repr`, `format` and every dump give a mask; `reveal()` gives the string."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself: for the one place that sends or compares it."""
        return self._value

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    @classmethod
    def read(cls, value: object) -> Self:
        """A secret from configuration text. No message of this function repeats the value."""
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str):
            raise ValueError("must be a string; put it in quotes")  # noqa: TRY004 - pydantic collects ValueError only
        if not text:
            raise ValueError("must not be empty")
        if not text.isprintable() or text != text.strip():
            raise ValueError("must not hold line breaks or control characters, nor begin or end with a space")
        if is_masked(text):
            raise ValueError("is a masked secret, as shown by a view of the configuration; the secret itself is needed")
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        shown = core_schema.plain_serializer_function_ser_schema(_shown, info_arg=True, when_used="json")
        return core_schema.no_info_plain_validator_function(cls.read, serialization=shown)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del schema, handler
        return {"type": "string", "minLength": 1, "format": "password"}


def _shown(secret: Secret, info: SerializationInfo[Any]) -> str:
    revealed = bool(info.context) and info.context.get(REVEALED)
    return secret.reveal() if revealed else mask(secret.reveal())


def _sendable(secret: Secret) -> Secret:
    if not secret.reveal().isascii():
        raise ValueError("must be plain ASCII: it is sent in a header")
    return secret


Credential = Annotated[Secret, AfterValidator(_sendable)]
"""A secret that is sent in a header."""
