"""Field types that the sections share: durations, sizes, secrets and checked strings.

Each is a plain value at run time; how it may be written, shown and described in a schema is said here, once.
"""

import re
from collections.abc import Callable, Collection
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    SerializationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

MASK = "***"

_DURATION = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,30})?)\s*(ms|s|m|h)?\s*")
_SECONDS = {"ms": Decimal("0.001"), None: Decimal(1), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_DURATION_RULE = 'must be a duration such as "500ms", "30s", "5m" or "1h", or a number of seconds'
_DURATION_SCHEMA = {"type": ["string", "number"], "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|h)?\s*$"}

_SIZE = re.compile(r"\s*([0-9]{1,19}(?:\.[0-9]{1,6})?)\s*(?:([kmgt]?)(i?)b)?\s*", re.IGNORECASE)
_SIZE_RULE = 'must be a size such as "512KiB" or "10MiB", or a number of bytes'
_SIZE_SCHEMA = {
    "type": ["string", "integer"],
    "minimum": 1,
    "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*([kKmMgGtT]?i?[bB])?\s*$",
}
_UNITS = "_kmgt"
_LONGEST_DURATION = 1e12  # seconds: beyond any use, within every clock
_LARGEST_SIZE = 2**63 - 1

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


class Seconds(float):
    """A duration in seconds that remembers how it was written, so that it is shown that way."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, value: float, text: str = "") -> Self:
        made = super().__new__(cls, value)
        made.text = text or _shortest_duration(made)
        return made


class Bytes(int):
    """A number of bytes that remembers how it was written, so that it is shown that way."""

    text: str

    def __new__(cls, value: int, text: str = "") -> Self:
        made = super().__new__(cls, value)
        made.text = text or _shortest_size(made)
        return made


def seconds(value: object) -> float:
    """Read a duration: `"500ms"`, `"30s"`, `"5m"`, `"1h"`, or a number of seconds. Never negative."""
    if isinstance(value, Seconds):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _timed(value, "")
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(_DURATION_RULE)
    number, unit = match.groups()
    return _timed(float(Decimal(number) * _SECONDS[unit]), str(value).strip() if unit else "")


def _timed(length: float, text: str) -> Seconds:
    if not 0 <= length <= _LONGEST_DURATION:
        raise ValueError(_DURATION_RULE)
    return Seconds(length, text)


def size(value: object) -> int:
    """Read a size: `"10MiB"`, `"10MB"`, or a number of bytes. At least one byte."""
    if isinstance(value, Bytes):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return _sized(value, "")
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(_SIZE_RULE)
    number, unit, binary = match.groups()
    count = Decimal(number) * (1024 if binary else 1000) ** _UNITS.index(unit.lower() if unit else "_")
    if (binary and not unit) or count != int(count):
        raise ValueError(_SIZE_RULE)
    return _sized(int(count), str(value).strip() if unit is not None else "")


def _sized(count: int, text: str) -> Bytes:
    if not 1 <= count <= _LARGEST_SIZE:
        raise ValueError(_SIZE_RULE)
    return Bytes(count, text)


def _positive(value: object) -> float:
    length = seconds(value)
    if not length:
        raise ValueError("must be longer than 0s")
    return length


def _shortest_duration(value: float) -> str:
    exact = Decimal(repr(float(value)))
    thousandths = exact * 1000
    if 0 < exact < 1 and thousandths == int(thousandths):
        return f"{int(thousandths)}ms"
    return f"{exact.normalize():f}s"


def _shortest_size(value: int) -> str:
    count, unit = int(value), 0
    while unit < len(_UNITS) - 1 and count and count % 1024 == 0:
        count, unit = count // 1024, unit + 1
    return f"{count}{_UNITS[unit].upper()}iB" if unit else f"{count}B"


def show_duration(value: float) -> str:
    """The text a duration is shown as: as written, else the shortest that reads back the same."""
    return value.text if isinstance(value, Seconds) else _shortest_duration(value)


def show_size(value: int) -> str:
    """The text a size is shown as: as written, else the shortest that reads back the same."""
    return value.text if isinstance(value, Bytes) else _shortest_size(value)


Delay = Annotated[
    float,
    PlainValidator(seconds),
    PlainSerializer(show_duration, when_used="json"),
    WithJsonSchema({**_DURATION_SCHEMA, "minimum": 0}),
]
"""A duration, in seconds, that may be 0."""

Duration = Annotated[
    float,
    PlainValidator(_positive),
    PlainSerializer(show_duration, when_used="json"),
    WithJsonSchema({**_DURATION_SCHEMA, "exclusiveMinimum": 0}),
]
"""A duration, in seconds, longer than 0."""

PlainDuration = Annotated[
    float,
    PlainValidator(_positive),
    PlainSerializer(lambda value: int(value) if value == int(value) else float(value), when_used="json"),
    WithJsonSchema({**_DURATION_SCHEMA, "exclusiveMinimum": 0}),
]
"""A duration longer than 0 that is shown as a number of seconds, for keys whose name says seconds."""

ByteSize = Annotated[
    int,
    PlainValidator(size),
    PlainSerializer(show_size, when_used="json"),
    WithJsonSchema(_SIZE_SCHEMA),
]
"""A number of bytes, at least 1."""


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


def printable(text: str) -> str:
    """A string on one line that is not empty; ValueError for any other."""
    if not text.strip():
        raise ValueError("must not be empty")
    if not text.isprintable():
        raise ValueError("must not hold line breaks or control characters")
    return text


Word = Annotated[str, AfterValidator(printable), WithJsonSchema({"type": "string", "minLength": 1})]
"""A string on one line that is not empty."""


def _rooted(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("must begin with /")
    if not text.isprintable() or " " in text:
        raise ValueError("must not hold spaces or control characters")
    return text


UrlPath = Annotated[str, AfterValidator(_rooted), WithJsonSchema({"type": "string", "pattern": r"^/[^\s]*$"})]
"""The path of a URL, from its slash on."""

StatusCode = Annotated[int, Field(ge=100, le=599)]
"""A status of HTTP."""


def matching(pattern: str, rule: str) -> Callable[[str], str]:
    """A check that a whole string matches `pattern`; `rule` is what the user reads when it does not."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(rule)
        return text

    return check


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """A check that a string is one of a table's names."""

    def check(text: str) -> str:
        if text not in names:
            raise ValueError(f"must be one of {', '.join(names)}{nearest(text, names)}")
        return text

    return check


def nearest(word: str, names: Collection[str]) -> str:
    """`; did you mean 'x'?` for a mistyped word, or nothing."""
    lowered = {name.lower(): name for name in names}
    close = get_close_matches(word[:64].lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[close[0]]!r}?" if close else ""
