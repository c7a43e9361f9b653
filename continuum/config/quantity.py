"""Durations and sizes: plain numbers that remember how they were written."""

import re
from decimal import Decimal
from typing import Annotated, Self

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

__all__ = [
    "ByteSize",
    "Bytes",
    "Delay",
    "Duration",
    "PlainDuration",
    "Seconds",
    "seconds",
    "show_duration",
    "show_size",
    "size",
]

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
