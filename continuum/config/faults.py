"""pydantic's errors in our words: which key, which rule, which value (never a secret one)."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from continuum.config.plain import is_list, is_mapping
from continuum.config.section import Group, Path
from continuum.config.shape import group_at, is_secret
from continuum.config.types import nearest
from continuum.errors import ConfigProblem

_LONGEST_VALUE = 60
_BARE = frozenset("-0123456789tf")  # how numbers and booleans begin
_USERINFO = re.compile(r"//.*@", re.DOTALL)

_RULES: Mapping[str, str] = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "literal_error": "must be {expected}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
}
"""By pydantic's name of an error, filled from its context."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule: the path below the root, the rule, and the value that broke it as it may be shown."""

    path: Path
    rule: str
    shown: str = ""

    def at(self, file: str, line: int | None = None) -> ConfigProblem:
        """The fault with the place its value comes from."""
        return ConfigProblem(self.rule, ".".join(map(str, self.path)), file, line, shown=self.shown)


def faults_of(error: ValidationError, root: type[Group], written: object) -> Iterator[Fault]:
    """Each fault of a validation; `written` is the data before expansion, which is what may be shown."""
    for each in error.errors(include_url=False, include_input=False):
        path = tuple(part for part in each["loc"] if part != "[key]")
        kind, context = each["type"], each.get("ctx", {})
        if kind == "extra_forbidden":
            yield Fault(path, _unknown(root, path))
        else:
            rule = str(context["error"]) if kind == "value_error" else _rule(kind, context, each["msg"])
            shown = "" if kind == "missing" else show(root, path, written)
            hint = "; put it in quotes" if kind == "string_type" and shown[:1] in _BARE else ""
            told = not shown.startswith("a ") or rule.startswith("must be a")  # a container's kind may be the fault
            yield Fault(path, rule + hint, shown if told else "")


def _rule(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind == "greater_than_equal" and repr(context["ge"]) == "1":
        return "must be greater than 0"
    if kind == "too_short" and context["min_length"] == 1:
        return "must not be empty"
    return _RULES[kind].format_map(context) if kind in _RULES else message[:1].lower() + message[1:]


def _unknown(root: type[Group], path: Path) -> str:
    group = group_at(root, path[:-1])
    return f"unknown key{nearest(str(path[-1]), list(group.model_fields) if group else [])}"


def show(root: type[Group], path: Path, written: object) -> str:
    """The value at `path` in one short line; nothing for secrets, for containers and for what is not there."""
    value: Any = written
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return ""
    if is_mapping(value):
        return "a mapping"
    if is_list(value):
        return "a list"
    if is_secret(root, path):
        return "***"
    if value is not None and not isinstance(value, (str, int, float)):
        return type(value).__name__
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    text = _USERINFO.sub("//***@", text[:1000])
    visible = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return visible if len(visible) <= _LONGEST_VALUE else f"{visible[: _LONGEST_VALUE - 1]}…"
