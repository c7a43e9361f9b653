"""What somebody sent about a section, and what it means for the data that is stored: echoes keep what is there.

A view shows secrets masked, references to the environment expanded and defaults filled in. Whoever reads it, changes
one key and sends the whole back must change that key and nothing else. Pure: nothing is validated or stored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from continuum.config.file_only import FILE_ONLY, FILE_ONLY_RULE
from continuum.config.model import Config
from continuum.config.plain import is_list, is_mapping
from continuum.config.secret import is_masked
from continuum.config.section import Path
from continuum.config.shape import group_at, is_secret
from continuum.config.view import masked, revealed
from continuum.errors import ConfigError, ConfigProblem

_NOTHING_TO_KEEP: Final = "is a masked secret, and none like it is stored here; send the secret itself"
_ROTATED: Final = "is the mask of an earlier secret; the secret that is stored now stays"


class _Absent:
    """Nothing is there: None is a value."""


_ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class _Shown:
    """One place of a section three times: as stored, as a view shows it, and as it is."""

    stored: Any = _ABSENT
    masked: Any = _ABSENT
    clear: Any = _ABSENT

    def below(self, key: object) -> _Shown:
        """What stands at a key of a mapping or a place of a list."""
        return _Shown(_at(self.stored, key), _at(self.masked, key), _at(self.clear, key))


def _at(value: Any, key: object) -> Any:
    if is_mapping(value):
        return value.get(key, _ABSENT)
    if is_list(value) and isinstance(key, int) and key < len(value):
        return value[key]
    return _ABSENT


@dataclass(frozen=True, slots=True)
class Base:
    """What an edit starts from: the sections in stored form (expansion.Reference), and the
    configuration they make.
    """

    stored: Mapping[str, Any]
    config: Config

    def shown(self, section: str) -> _Shown:
        """One section in its three forms."""
        return _Shown(self.stored.get(section, _ABSENT), masked(self.config)[section], revealed(self.config)[section])


@dataclass(frozen=True, slots=True)
class Edit:
    """A section's new data, to be stored once it is found valid, and what its sender should know."""

    data: Any
    warnings: list[ConfigProblem] = field(default_factory=list[ConfigProblem])


def replaced(base: Base, section: str, sent: Any) -> Edit:
    """The section as `sent` says: absent keys return to their defaults, those of the file alone stay.

    Raises ConfigError for a masked secret with nothing to keep, and for a changed key of the file.
    """
    return _held_by_file(base, section, adopted(base, section, sent))


def patched(base: Base, section: str, patch: Any) -> Edit:
    """The section with an RFC 7396 merge patch: null removes, lists are replaced whole. Raises as `replaced` does."""
    shown = base.shown(section)
    faults = [_fault(path, FILE_ONLY_RULE) for path in _nulled(section, patch, shown)]
    if faults:
        raise ConfigError(faults)
    merged = merge_patch({} if shown.stored is _ABSENT else shown.stored, patch)
    return _held_by_file(base, section, adopted(base, section, merged))


def adopted(base: Base, section: str, sent: Any) -> Edit:
    """The section as `sent` says, by somebody who may choose what only the file may else. Raises ConfigError for a
    masked secret with nothing to keep.
    """
    restoring = _Restoring()
    data = restoring.value((section,), sent, base.shown(section))
    if restoring.faults:
        raise ConfigError(restoring.faults)
    return Edit(data, restoring.warnings)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396. Neither argument is altered."""
    if not is_mapping(patch):
        return patch
    merged = dict(target) if is_mapping(target) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


class _Restoring:
    """One walk over what was sent: each echo of the view becomes what is stored."""

    def __init__(self) -> None:
        self.faults: list[ConfigProblem] = []
        self.warnings: list[ConfigProblem] = []

    def value(self, path: Path, sent: Any, shown: _Shown) -> Any:
        """What is to be stored at `path`."""
        if shown.stored is not _ABSENT and (same(sent, shown.masked) or same(sent, shown.clear)):
            return shown.stored
        if is_mapping(sent):
            return {key: self.value((*path, key), inner, shown.below(key)) for key, inner in sent.items()}
        if is_list(sent):
            return self._list(path, sent, shown)
        if isinstance(sent, str) and is_masked(sent) and is_secret(Config, path):
            return self._secret(path, sent, shown)
        return sent

    def _secret(self, path: Path, sent: str, shown: _Shown) -> Any:
        if shown.stored is _ABSENT:
            self.faults.append(_fault(path, _NOTHING_TO_KEEP))
            return sent
        if not same(sent, shown.masked):
            self.warnings.append(_fault(path, _ROTATED))
        return shown.stored

    def _list(self, path: Path, sent: list[Any], shown: _Shown) -> list[Any]:
        places = _places(path, sent, shown)
        return [
            self.value((*path, index), item, _Shown() if place is None else shown.below(place))
            for index, (item, place) in enumerate(zip(sent, places, strict=True))
        ]


def _places(path: Path, sent: list[Any], shown: _Shown) -> list[int | None]:
    """For each item that was sent the place of the stored item it stands for."""
    if not is_list(shown.masked) or not is_list(shown.stored) or len(shown.stored) != len(shown.masked):
        return [None] * len(sent)
    identity = identity_of(path)
    named = {name: place for place, item in enumerate(shown.clear) if isinstance(name := _at(item, identity), str)}
    unnamed = [place for place in range(len(shown.masked)) if place not in set(named.values())]
    free = set(range(len(shown.masked)))
    found: list[int | None] = [None] * len(sent)
    for index, item in enumerate(sent):
        name = _at(item, identity)
        place = named.get(name) if isinstance(name, str) else None
        if place is None:  # by what it looks like, and its own place first
            alike = (each for each in sorted(unnamed, key=index.__ne__) if each in free)
            place = next((each for each in alike if _looks_like(item, shown.below(each))), None)
        if place in free:
            free.discard(place)
            found[index] = place
    if is_secret(Config, (*path, 0)) and len(sent) == len(shown.masked):  # an older mask, at its old place
        for index, item in enumerate(sent):
            if found[index] is None and index in free and isinstance(item, str) and is_masked(item):
                found[index] = index
    return found


def _looks_like(item: Any, shown: _Shown) -> bool:
    """Is the item shown the same as the stored one, or has it the same key?"""
    if same(item, shown.masked) or same(item, shown.clear):
        return True
    secret = _at(item, "key")
    return secret is not _ABSENT and (same(secret, _at(shown.masked, "key")) or same(secret, _at(shown.clear, "key")))


def identity_of(path: Path) -> str:
    """The key that tells the items of a list apart; empty for lists whose items have none."""
    group = group_at(Config, (*path, 0))
    fields = group.model_fields if group is not None else {}
    return next((key for key in ("id", "name") if key in fields), "")


def same(one: Any, other: Any) -> bool:
    """Are these the same JSON? `true` is not 1."""
    if is_mapping(one) and is_mapping(other):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if is_list(one) and is_list(other):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one is other or bool(one == other)


def _held_by_file(base: Base, section: str, edit: Edit) -> Edit:
    return Edit(_with_file_keys(section, edit.data, base.shown(section)), edit.warnings)


def _with_file_keys(section: str, data: Any, shown: _Shown) -> Any:
    """The data with the file's own keys as they are: kept where left out, refused where changed."""
    rows = [row[1:] for row in FILE_ONLY if row[0] == section]
    faults: list[ConfigProblem] = []
    if rows and rows[0][0] == "*" and is_list(data):
        identity = identity_of((section,))
        known = {_at(item, identity): place for place, item in enumerate(shown.clear if is_list(shown.clear) else ())}
        items: list[Any] = []
        for index, item in enumerate(data):
            place = known.get(_at(item, identity)) if isinstance(_at(item, identity), str) else None
            beside = _Shown() if place is None else shown.below(place)
            for row in rows:
                item = _held((section, index), item, row[1:], beside, faults)  # noqa: PLW2901 - built key by key
            items.append(item)
        data = items
    elif is_mapping(data):
        for row in rows:
            data = _held((section,), data, row, shown, faults)
    if faults:
        raise ConfigError(faults)
    return data


def _held(path: Path, data: Any, row: tuple[str, ...], shown: _Shown, faults: list[ConfigProblem]) -> Any:
    """One group's data with one key of the file as it is."""
    key, *rest = row
    if not is_mapping(data):
        return data
    inner, there = data.get(key, _ABSENT), shown.below(key)
    if rest:
        if inner is None and there.below(rest[0]).stored is not _ABSENT:
            faults.append(_fault((*path, key, *rest), FILE_ONLY_RULE))
        if inner is None or (inner is _ABSENT and not is_mapping(there.stored)):
            return data
        held = _held((*path, key), {} if inner is _ABSENT else inner, tuple(rest), there, faults)
        return {**data, key: held} if held or inner is not _ABSENT else data
    if inner is _ABSENT:
        return data if there.stored is _ABSENT else {**data, key: there.stored}
    unchanged = same(inner, there.stored) or same(inner, there.clear)
    if not unchanged and not (inner is None and there.clear is _ABSENT):
        faults.append(_fault((*path, key), FILE_ONLY_RULE))
    return data


def _nulled(section: str, patch: Any, shown: _Shown) -> Iterator[Path]:
    """The file's own keys that a patch would remove."""
    for row in FILE_ONLY:
        inner, there = patch, shown
        for key in row[1:]:
            inner, there = _at(inner, key), there.below(key)
        if row[0] == section and inner is None and there.stored is not _ABSENT:
            yield row


def _fault(path: Path, rule: str) -> ConfigProblem:
    return ConfigProblem(rule, ".".join(map(str, path)))
