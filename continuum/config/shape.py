"""What the configuration's classes say about a path: which keys there are, what is secret, how text becomes a value.

Reads annotations only; validates nothing.
"""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from continuum.config.scalar import resolve
from continuum.config.secret import Secret
from continuum.config.section import Group, Path

_NUMBERS = (bool, int, float)


def alternatives(annotation: Any) -> Iterator[Any]:
    """The types behind Annotated and unions, None left out."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from alternatives(each)
    elif annotation is not NoneType:
        yield annotation


def group_at(root: type[Group], path: Path) -> type[Group] | None:
    """The group whose keys stand below `path`, if a group stands there."""
    return next((each for each in types_at(root, path) if isinstance(each, type) and issubclass(each, Group)), None)


def types_at(root: type[Group], path: Path) -> list[Any]:
    """What may stand at `path`; empty where nothing may."""
    found: list[Any] = [root]
    for part in path:
        found = [inner for each in found for inner in _below(each, part)]
    return found


def _below(annotation: Any, part: str | int) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is list and isinstance(part, int):
        yield from alternatives(get_args(annotation)[0])
    elif origin is dict:
        yield from alternatives(get_args(annotation)[1])
    elif isinstance(annotation, type) and issubclass(annotation, Group) and part in annotation.model_fields:
        yield from alternatives(annotation.model_fields[str(part)].annotation)


def is_secret(root: type[Group], path: Path) -> bool:
    """Is the value at `path` a secret, or inside one?"""
    return any(Secret in types_at(root, path[:length]) for length in range(1, len(path) + 1))


def is_container(root: type[Group], path: Path) -> bool:
    """Is the value at `path` a list, a map or a group, and nothing simpler?"""
    found = types_at(root, path)
    return bool(found) and all(
        get_origin(each) in (list, dict) or (isinstance(each, type) and issubclass(each, Group)) for each in found
    )


def from_text(root: type[Group], path: Path, text: str) -> object:
    """Text of a variable as the value at `path` wants it: a number or boolean where one may stand, else the text."""
    found = types_at(root, path)
    if found and not any(each in found for each in _NUMBERS):
        return text
    try:
        value = resolve(text.strip())
    except ValueError:
        return text
    return value if isinstance(value, _NUMBERS) or (value is None and not found) else text
