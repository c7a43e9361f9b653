"""What the admin API's requests may hold, and what they are read from: strict JSON, told apart from a wrong shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, Field, ValidationError, WithJsonSchema

from continuum.config.faults import faults_of
from continuum.config.plain import is_list, is_mapping
from continuum.config.quantity import Delay
from continuum.config.section import Group
from continuum.config.view import ADMIN_SECTIONS
from continuum.errors import ConfigError, ConfigProblem, ParseError

__all__ = [
    "Apply",
    "Config",
    "Explain",
    "Export",
    "Import",
    "Models",
    "Prompt",
    "Rollback",
    "Rotate",
    "Validate",
    "Weight",
    "parse_json",
    "shaped",
]

_DEEPEST = 100
_MOST_GRACE = 90 * 24 * 3600.0  # seconds
B = TypeVar("B", bound=Group)
SectionName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(ADMIN_SECTIONS)})]
"""A section's name, of which the handlers judge: one that there is not has an error of its own."""
Format = Literal["yaml", "json", "toml"]


class Config(Group):
    """A section, or a merge patch of it."""

    config: Any = Field(description="The section; for PATCH an RFC 7396 merge patch of it.")


class Validate(Group):
    """A section to be judged."""

    section: SectionName = Field(description="Name of the section.")
    config: Any = Field(description="What PUT would be sent.")
    dry_run: bool = Field(default=True, description="Taken for the sake of clients; nothing is ever done.")


class Apply(Group):
    """What of the staged import to apply."""

    sections: list[SectionName] | None = Field(default=None, description="Sections; absent: all that are staged.")
    force: bool = Field(default=False, description="Whether warnings are no reason to refuse.")


class Export(Group):
    """What to write, and how."""

    format: Format = Field(description="The language.")
    sections: list[SectionName] | None = Field(default=None, description="Sections; absent: all.")
    include_sensitive: bool = Field(default=False, description="Whether secrets are shown as they are.")
    include_defaults: bool = Field(default=True, description="Whether keys with their default value are written.")


class Import(Group):
    """Text of a configuration."""

    format: Format = Field(description="The language.")
    content: str = Field(description="The text, at most 1 MiB.")
    apply: bool = Field(default=True, description="Put it in force; false: stage it for apply.")
    dry_run: bool = Field(default=False, description="Judge it only.")
    merge: bool = Field(default=False, description="Merge-patch the sections it names; false: replace them.")


class Rollback(Group):
    """What of an earlier version to bring back."""

    sections: list[SectionName] | None = Field(default=None, description="Sections; absent: all that differ.")
    dry_run: bool = Field(default=False, description="Tell what would change only.")


class Weight(Group):
    """A backend's share."""

    weight: int = Field(ge=1, le=100, description="Share of the requests, from 1 to 100.")


class Models(Group):
    """A backend's models."""

    models: list[Any] = Field(description="Models, each an id or {id, upstream}.")
    append: bool = Field(default=False, description="Add them to those that are there.")


class Prompt(Group):
    """A prompt file."""

    content: str = Field(description="The text, at most 1 MiB.")


class Explain(Group):
    """A request that is not sent."""

    model: str = Field(min_length=1, max_length=256, description="The model asked for.")
    headers: dict[str, str] = Field(default={}, description="Headers of the request, for affinity.")


def _not_for_good(grace: float) -> float:
    if grace > _MOST_GRACE:
        raise ValueError("must be at most 90 days (2160h)")
    return grace


class Rotate(Group):
    """How a key is replaced."""

    grace: Annotated[Delay, AfterValidator(_not_for_good)] = Field(
        default=0, description="How long the key until now is accepted, too; at most 90 days."
    )


def parse_json(content: bytes) -> Any:
    """The JSON of a body. Raises ParseError, with its line and column and none of its text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        _refuse("the body is not UTF-8 text", content.count(b"\n", 0, fault.start) + 1)
    try:
        data = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_key_twice)
    except json.JSONDecodeError as fault:
        _refuse(f"not valid JSON: {fault.msg}", fault.lineno, fault.colno)
    except _NotJson as fault:
        _refuse(f"not valid JSON: {fault}")
    except ValueError:  # an integer of thousands of digits
        _refuse("holds a number that is too long")
    except RecursionError:
        _refuse(f"is nested deeper than {_DEEPEST} levels")
    _check(data, 0)
    return data


class _NotJson(ValueError):
    """What the parser takes and JSON does not have."""


def _no_constant(name: str) -> float:
    raise _NotJson(f"{name} is not a finite number")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _NotJson("a key is given twice")
    return made


def _check(value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        _refuse(f"is nested deeper than {_DEEPEST} levels")
    if is_mapping(value):
        for key, inner in value.items():
            _check_text(key)
            _check(inner, depth + 1)
    elif is_list(value):
        for inner in value:
            _check(inner, depth + 1)
    elif isinstance(value, float) and not isfinite(value):
        _refuse("holds a number that is too large")
    elif isinstance(value, str):
        _check_text(value)


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        _refuse("holds half a character: a surrogate without its other half")


def _refuse(rule: str, line: int | None = None, column: int | None = None) -> NoReturn:
    raise ParseError([ConfigProblem(rule, line=line, column=column)]) from None


def shaped(model: type[B], body: Any) -> B:
    """A body as what it must be. Raises ConfigError with every fault at once."""
    if not is_mapping(body):
        raise ConfigError([ConfigProblem("the body must be a JSON object")])
    given: Mapping[str, Any] = body
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ConfigError([fault.at("") for fault in faults_of(error, model, given)]) from None
