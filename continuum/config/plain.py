"""Plain data as parsers give it, told apart in a way type checkers follow."""

from collections.abc import Mapping
from typing import Any, TypeGuard


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Is it a mapping?"""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Is it a list?"""
    return isinstance(value, list)
