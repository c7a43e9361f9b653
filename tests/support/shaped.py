"""JSON judged by a TypedDict: exactly its keys, and values of its types."""

import json
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints, is_typeddict

T = TypeVar("T")


def read(text: str | bytes, shape: type[T]) -> T:
    """What the text holds; it is of this shape, or the test fails."""
    value = json.loads(text)
    check(value, shape, shape.__name__)
    return value  # type: ignore[no-any-return]


def check(value: Any, shape: Any, where: str) -> None:
    if is_typeddict(shape):
        assert type(value) is dict, where
        hints = get_type_hints(shape)
        assert value.keys() == hints.keys(), where
        for key, inner in hints.items():
            check(value[key], inner, f"{where}.{key}")
    elif get_origin(shape) is list:
        items: Any = value
        assert type(value) is list, where
        for item in items:
            check(item, get_args(shape)[0], f"{where}[]")
    elif isinstance(shape, UnionType):
        if value is None:
            assert NoneType in get_args(shape), where
        else:
            (some,) = (each for each in get_args(shape) if each is not NoneType)
            check(value, some, where)
    else:
        assert type(value) is shape, where
