"""The difference between two configurations, key by key, for people: secrets masked, items of lists by their name."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypedDict

from continuum.config.edit import identity_of, same
from continuum.config.model import Config
from continuum.config.plain import is_list, is_mapping
from continuum.config.section import Path
from continuum.config.view import ADMIN_SECTIONS, masked, revealed

Diff = TypedDict("Diff", {"from": Any, "to": Any})
"""One key before and after; None where it was not."""

Changes = dict[str, dict[str, Diff]]
"""section -> dotted key -> what differs."""

ORDER = "order"
"""The key under which the names stand where only their order differs."""


class _Side(NamedTuple):
    """One place in one of the two configurations: as it is, and as it may be shown."""

    clear: Any = None
    shown: Any = None

    def below(self, key: object) -> "_Side":
        if is_mapping(self.clear):
            return _Side(self.clear.get(key), self.shown.get(key))
        if is_list(self.clear) and isinstance(key, int):
            return _Side(self.clear[key], self.shown[key])
        return _Side()


def changes(old: Config, new: Config, names: Iterable[str] = ADMIN_SECTIONS) -> Changes:
    """What differs in each section, by default of the admin API's; those without a difference are left out. A root key
    that is no section stands under its own name.
    """
    before, after = _Side(revealed(old), masked(old)), _Side(revealed(new), masked(new))
    found = {name: dict(_differences((name,), before.below(name), after.below(name))) for name in names}
    return {name: {key or name: diff for key, diff in fields.items()} for name, fields in found.items() if fields}


def _differences(path: Path, old: _Side, new: _Side, key: str = "") -> Iterator[tuple[str, Diff]]:
    if same(old.clear, new.clear):
        return
    if is_mapping(old.clear) and is_mapping(new.clear):
        for name in (*old.clear, *(each for each in new.clear if each not in old.clear)):
            yield from _differences((*path, name), old.below(name), new.below(name), _dotted(key, name))
        return
    before, after = _named(path, old), _named(path, new)
    if before is None or after is None:
        yield key, {"from": old.shown, "to": new.shown}
        return
    for name in (*before, *(each for each in after if each not in before)):
        item = after.get(name, _Side())
        yield from _differences((*path, 0), before.get(name, _Side()), item, _dotted(key, name))
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield _dotted(key, ORDER), {"from": list(before), "to": list(after)}


def _named(path: Path, side: _Side) -> dict[str, _Side] | None:
    """The items of a list by their name; None where there are no such items."""
    if not is_list(side.clear):
        return None
    identity = identity_of(path)
    sides = [side.below(place) for place in range(len(side.clear))]
    names = [each.clear.get(identity) if is_mapping(each.clear) else None for each in sides]
    if not identity or not all(isinstance(name, str) for name in names):
        return None
    return {str(name): each for name, each in zip(names, sides, strict=True)}


def _dotted(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)
