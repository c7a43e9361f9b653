"""What a tool is: its row in the table, the action that one call of it amounts to, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from continuum.chat import Image, Text
from continuum.dialects.raw import is_list, is_object

from ..jsonrpc import JsonObject, well_formed
from ..sent.updates import Location, ToolContent, ToolKind

__all__ = [
    "MODEL_LIMIT",
    "Action",
    "Arguments",
    "Output",
    "Progress",
    "ToolFault",
    "ToolRow",
    "parameters_of",
    "parse_arguments",
    "read_arguments",
    "shortened",
    "text_content",
]

MODEL_LIMIT: Final = 48 * 1024
"""Characters of one result that the model is shown: more would push the conversation out of its context."""

_SCHEMA_NAMES: Final = "#/$defs/{name}"


class ToolFault(Exception):
    """A call that cannot be done, and why, in words for the model and the user."""


class ToolRow(NamedTuple):
    """One tool of the table. module: the file of this folder with `Parameters`, `DESCRIPTION` and `prepare`.

    quiet: what it does is itself an update, so that no tool call is shown.
    """

    name: str
    kind: ToolKind
    module: str
    quiet: bool = False


class Arguments(msgspec.Struct, forbid_unknown_fields=False):
    """A tool's arguments: the record says the JSON Schema that the model gets, and reads what it wrote."""


_A = TypeVar("_A", bound=Arguments)


def parameters_of(kind: type[Arguments]) -> JsonObject:
    """The JSON Schema of the arguments, in one piece: small servers do not follow references."""
    (_,), components = msgspec.json.schema_components([kind], ref_template=_SCHEMA_NAMES)
    schema: JsonObject = _inlined(components[kind.__name__], components)
    return schema


def _inlined(value: Any, components: dict[str, Any]) -> Any:
    if is_list(value):
        return [_inlined(item, components) for item in value]
    if not is_object(value):
        return value
    if "$ref" in value:
        return _inlined(components[value["$ref"].rpartition("/")[2]], components)
    return {
        key: _inlined(item, components) for key, item in value.items() if key != "title" or not isinstance(item, str)
    }


def parse_arguments(text: str) -> JsonObject:
    """What a model wrote as a call's arguments, nothing being an empty object. ToolFault: it is none.

    As strict as the strictest server: NaN, numbers past all floats and halves of characters could be told to nobody.
    """
    try:
        value = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise ToolFault(f"The arguments are not valid JSON ({error}). Nothing was done") from None
    if not is_object(value):
        raise ToolFault("The arguments must be a JSON object. Nothing was done")
    return value


def read_arguments(kind: type[_A], arguments: JsonObject) -> _A:
    """The record. ToolFault names the argument at fault."""
    try:
        return msgspec.convert(arguments, kind)
    except msgspec.ValidationError as error:
        raise ToolFault(f"Wrong arguments: {error}") from None


@dataclass(slots=True)
class Output:
    """What came of a call. text and images: for the model. content: for the client, the text if None. raw: the
    same as data.
    """

    text: str
    content: list[ToolContent] | None = None
    raw: JsonObject | None = None
    failed: bool = False
    images: list[Image] = field(default_factory=list[Image])

    @property
    def said(self) -> list[Text | Image]:
        """For the model, within MODEL_LIMIT."""
        return [Text(shortened(well_formed(self.text), MODEL_LIMIT)), *self.images]

    @property
    def shown(self) -> list[ToolContent]:
        """For the client."""
        return text_content(self.text) if self.content is None else self.content


Progress = Callable[[list[ToolContent]], Awaitable[None]]
"""Shows the client content while the call runs."""


@dataclass(slots=True)
class Action:
    """One call made definite: what will be done to what. Nothing has been done yet.

    grant: exactly this action, in a form that can be compared: what "always" means. grant_title: the same in words.
    compound: a shell decides what it does, so no rule can. run: does it.
    """

    title: str
    run: Callable[[Progress], Awaitable[Output]]
    grant: str
    grant_title: str = ""
    locations: list[Location] = field(default_factory=list[Location])
    content: list[ToolContent] = field(default_factory=list[ToolContent])
    compound: bool = False


def shortened(text: str, limit: int) -> str:
    """The head and the tail of a long text, and how much is missing."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... truncated: {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


def text_content(text: str) -> list[ToolContent]:
    """Text as a tool call's content; no text, no content."""
    return [{"type": "content", "content": {"type": "text", "text": text}}] if text else []
