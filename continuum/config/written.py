"""A configuration made in code as plain data that reads back the same: what a file would say, secrets included."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from continuum.config.model import Config
from continuum.config.plain import is_list, is_mapping
from continuum.config.types import Bytes, Seconds, Secret


def written(config: Config) -> dict[str, Any]:
    """Only what was set; never to be shown."""
    plain: dict[str, Any] = _plain(config)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        set_there = {name: getattr(value, name) for name in type(value).model_fields if name in value.model_fields_set}
        return {name: _plain(inner) for name, inner in set_there.items() if inner is not None}
    if is_mapping(value):
        return {key: _plain(inner) for key, inner in value.items()}
    if is_list(value):
        return [_plain(inner) for inner in value]
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, (Seconds, Bytes)):
        return value.text
    return value.isoformat() if isinstance(value, datetime) else value
