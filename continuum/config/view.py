"""The configuration as plain data to look at: every key in force, secrets masked, unset optional keys left out."""

from collections.abc import Iterator, Mapping
from typing import Any

from continuum.config.model import SECTIONS, Config
from continuum.config.plain import is_list, is_mapping
from continuum.config.secret import REVEALED
from continuum.config.section import Group

ADMIN_SECTIONS = tuple(name for name, info in SECTIONS.items() if info.admin)
"""The sections that the admin API shows and changes, in their order."""


def masked(config: Config) -> dict[str, Any]:
    """Every section in order; durations and sizes as text with a unit, each secret as `sk-***abcd`."""
    return config.model_dump(mode="json", exclude_none=True)


def revealed(config: Config) -> dict[str, Any]:
    """The same with the secrets themselves: to compare with, and for exports that ask for them."""
    return config.model_dump(mode="json", exclude_none=True, context={REVEALED: True})


def without_defaults(config: Config, view: Mapping[str, Any]) -> dict[str, Any]:
    """A view less the keys whose value is the default: what a file would have to say."""
    return dict(_differing(config, view))


def _differing(group: Group, view: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys of one group that differ from its defaults; what is inside lists and maps likewise."""
    fields = type(group).model_fields
    for name, shown in view.items():
        value = getattr(group, name)
        if isinstance(value, Group):
            inner = dict(_differing(value, shown))
            if inner or fields[name].default is None:
                yield name, inner
        elif fields[name].is_required() or value != fields[name].default:
            yield name, _inside(value, shown)


def _inside(value: object, shown: Any) -> Any:
    if isinstance(value, Group):
        return dict(_differing(value, shown))
    if is_list(value):
        return [_inside(item, each) for item, each in zip(value, shown, strict=True)]
    if is_mapping(value):
        return {key: _inside(item, shown[key]) for key, item in value.items()}
    return shown
