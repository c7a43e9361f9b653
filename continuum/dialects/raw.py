"""JSON that nobody has typed yet: the one place where a decoded `Any` turns into a shape. Pure."""

from __future__ import annotations

from typing import Any, TypeGuard

__all__ = ["JsonObject", "is_list", "is_object"]

JsonObject = dict[str, Any]


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Whether a decoded value is a JSON object; JSON's keys are always text."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a decoded value is a JSON list."""
    return isinstance(value, list)
