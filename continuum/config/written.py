"""A configuration made in code as plain data that reads back the same: what a file would say, secrets included."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from continuum.config.model import Config
from continuum.config.plain import is_list, is_mapping
from continuum.config.quantity import Bytes, Seconds
from continuum.config.secret import Secret
from continuum.config.section import Group


def written(config: Config) -> dict[str, Any]:
    """Only what was set, or changed in place since; never to be shown."""
    plain: dict[str, Any] = _plain(config)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Group):
        fields = type(value).model_fields
        said = {name: getattr(value, name) for name in fields if _says(value, name)}
        return {
            name: _plain(inner) for name, inner in said.items() if inner is not None or fields[name].default is not None
        }
    if is_mapping(value):
        return {key: _plain(inner) for key, inner in value.items()}
    if is_list(value):
        return [_plain(inner) for inner in value]
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, (Seconds, Bytes)):
        return value.text
    if isinstance(value, StrEnum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else value


def _says(group: Group, name: str) -> bool:
    """Whether a key was set; also one below it, or by `append`, which the group itself does not notice."""
    if name in group.model_fields_set:
        return True
    value = getattr(group, name)
    if isinstance(value, Group):
        return any(_says(value, each) for each in type(value).model_fields)
    return bool(value != type(group).model_fields[name].get_default(call_default_factory=True))
