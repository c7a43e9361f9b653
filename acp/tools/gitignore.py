"""gitignore's patterns: which names of a tree are left out. Pure; standard library only (grep.py runs it alone)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["Rules", "glob_regex", "read_rules"]

_LONGEST: Final = 1000  # characters of a pattern anybody means


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    negated: bool
    only_directories: bool


class Rules:
    """The rules that hold in one directory: those of the directories above, then its own; the last that fits wins."""

    def __init__(self, base: str = "", rules: Iterable[_Rule] = (), above: Rules | None = None) -> None:
        self._base = base
        self._rules = tuple(rules)
        self._above = above

    def ignores(self, path: str, *, directory: bool) -> bool:
        """Whether a path (from the tree's top, without a leading slash) is left out."""
        here = path[len(self._base) :]
        for rule in reversed(self._rules):
            if (directory or not rule.only_directories) and rule.pattern.fullmatch(here):
                return not rule.negated
        return self._above is not None and self._above.ignores(path, directory=directory)


def read_rules(text: str, base: str, above: Rules | None) -> Rules:
    """The rules of one ignore file. base: its directory from the tree's top, with a slash at the end unless empty."""
    rules = [rule for line in text.splitlines() if (rule := _rule(line))]
    return Rules(base, rules, above)


def _rule(line: str) -> _Rule | None:
    line = _without_trailing_blanks(line)
    if not line or line.startswith("#") or len(line) > _LONGEST:
        return None
    negated = line.startswith("!")
    line = line[1:] if negated else line
    line = line[1:] if line.startswith(("\\#", "\\!")) else line
    only_directories = line.endswith("/")
    line = line.rstrip("/") if only_directories else line
    anchored = "/" in line
    source = glob_regex(line.removeprefix("/"))
    try:
        return _Rule(re.compile(source if anchored else f"(?:.*/)?{source}", re.DOTALL), negated, only_directories)
    except re.error:
        return None


def _without_trailing_blanks(line: str) -> str:
    stripped = line.rstrip(" \t\r")
    return f"{stripped} " if stripped.endswith("\\") and stripped != line else stripped


def glob_regex(glob: str) -> str:
    """A glob as the source of a regular expression: `*` and `?` within one name, `**` across directories."""
    out: list[str] = []
    place = 0
    while place < len(glob):
        if glob.startswith("**/", place) and (place == 0 or glob[place - 1] == "/"):
            out.append("(?:.*/)?")
            place += 3
        elif glob.startswith("**", place):
            out.append(".*")
            place += 2
        elif glob[place] == "[" and (end := _class_end(glob, place)):
            inside = glob[place + 1 : end].replace("\\", "\\\\")
            inside = f"^{inside[1:]}" if inside.startswith(("!", "^")) else inside
            out.append(f"(?!/)[{inside}]")
            place = end + 1
        else:
            if glob[place] == "\\" and place + 1 < len(glob):
                place += 1
                out.append(re.escape(glob[place]))
            else:
                out.append({"*": "[^/]*", "?": "[^/]"}.get(glob[place]) or re.escape(glob[place]))
            place += 1
    return "".join(out)


def _class_end(glob: str, place: int) -> int:
    """Where a character class ends, 0 when it is none."""
    start = place + 2 if glob[place + 1 : place + 2] in {"!", "^"} else place + 1
    return max(glob.find("]", start + 1), 0)
