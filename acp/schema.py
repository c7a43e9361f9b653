"""The params of the methods as typed records, the wire's names in the wire's spelling. No behaviour.

msgspec's, not pydantic's: they are read once per request and must not cost the start anything.
Not imported before `initialize` is answered, which reads its own params.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from .jsonrpc import INVALID_PARAMS, JsonObject, RpcError

__all__ = [
    "PARAMS",
    "Audio",
    "CancelSession",
    "ContentBlock",
    "DisableProvider",
    "EmbeddedResource",
    "Image",
    "Initialize",
    "ListSessions",
    "NamedSession",
    "NewSession",
    "OpenSession",
    "Prompt",
    "ResourceContents",
    "ResourceLink",
    "SetConfigOption",
    "SetMode",
    "SetModel",
    "SetProvider",
    "Text",
    "json_schema",
    "read_params",
]


class _Record(msgspec.Struct, rename="camel"):
    """Fields that are not named here, `_meta` among them, are let pass."""


class Text(_Record, tag="text", tag_field="type"):
    """Text, Markdown by convention."""

    text: str


class Image(_Record, tag="image", tag_field="type"):
    """A picture; data is base64."""

    data: str
    mime_type: str
    uri: str | None = None


class Audio(_Record, tag="audio", tag_field="type"):
    """Sound; data is base64. Known in order to be refused by name."""

    data: str
    mime_type: str


class ResourceLink(_Record, tag="resource_link", tag_field="type"):
    """Something the agent may look up itself."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None


class ResourceContents(_Record):
    """A resource's content: text, or base64 in blob."""

    uri: str
    text: str | None = None
    blob: str | None = None
    mime_type: str | None = None


class EmbeddedResource(_Record, tag="resource", tag_field="type"):
    """A resource sent along."""

    resource: ResourceContents


ContentBlock = Text | Image | Audio | ResourceLink | EmbeddedResource


class NewSession(_Record):
    """session/new. Some clients leave the lists out, or send null."""

    cwd: str
    mcp_servers: list[dict[str, Any]] | None = None
    additional_directories: list[str] | None = None


class OpenSession(NewSession, kw_only=True):
    """session/load, session/resume, session/fork."""

    session_id: str


class NamedSession(_Record):
    """session/close, session/delete."""

    session_id: str


class ListSessions(_Record):
    """session/list."""

    cwd: str | None = None
    cursor: str | None = None


class Prompt(_Record):
    """session/prompt."""

    session_id: str
    prompt: list[ContentBlock]


class CancelSession(_Record):
    """session/cancel."""

    session_id: str


class SetConfigOption(_Record):
    """session/set_config_option."""

    session_id: str
    config_id: str
    value: str | bool


class SetMode(_Record):
    """session/set_mode."""

    session_id: str
    mode_id: str


class SetModel(_Record):
    """session/set_model, which the protocol has no more."""

    session_id: str
    model_id: str


class SetProvider(_Record):
    """providers/set: the whole of what a provider is; without headers there are none."""

    provider_id: str
    api_type: str
    base_url: str
    headers: dict[str, str] | None = None


class DisableProvider(_Record):
    """providers/disable."""

    provider_id: str


class Initialize(_Record):
    """initialize. It is answered before any record can be read (methods/initialize.py): what it takes is this."""

    protocol_version: int
    client_capabilities: Any = None


PARAMS: Final[Mapping[str, type[_Record]]] = {
    "initialize": Initialize,
    "session/new": NewSession,
    "session/load": OpenSession,
    "session/resume": OpenSession,
    "session/fork": OpenSession,
    "session/list": ListSessions,
    "session/close": NamedSession,
    "session/delete": NamedSession,
    "session/prompt": Prompt,
    "session/cancel": CancelSession,
    "session/set_mode": SetMode,
    "session/set_model": SetModel,
    "session/set_config_option": SetConfigOption,
    "providers/set": SetProvider,
    "providers/disable": DisableProvider,
}
"""Of each method whose params have fields."""

_R = TypeVar("_R", bound=_Record)


def json_schema() -> JsonObject:
    """The params of every method, as one JSON Schema: a property for each method."""
    refs, definitions = msgspec.json.schema_components(PARAMS.values(), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Params of the requests that the ACP agent understands, by method",
        "type": "object",
        "properties": dict(zip(PARAMS, refs, strict=True)),
        "$defs": definitions,
    }


def read_params(kind: type[_R], params: object) -> _R:
    """The params as a record. RpcError -32602 names the field at fault."""
    try:
        return msgspec.convert({} if params is None else params, kind)
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_PARAMS, f"Invalid params: {error}") from error
