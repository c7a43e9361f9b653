"""The search itself, as a program of its own: a pattern may take for ever, and a process can be ended.

`python -P -m continuum.acp.tools.grep JSON`; standard library only. Finds lines, or files by name, below a root,
without following links; what gitignore leaves out is left out. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from .gitignore import Rules, glob_regex, read_rules

__all__ = ["Query", "main", "search"]

_LARGEST: Final = 4 * 1024 * 1024  # bytes of a file that is looked into
_LONGEST_LINE: Final = 300  # characters shown of a line
_LONGEST_SEARCHED: Final = 100_000  # characters of a line that the pattern is tried on
_DEEPEST: Final = 100  # directories inside one another
_MOST_FILES: Final = 200_000
_IGNORE_FILES: Final = (".gitignore", ".ignore")
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Query(NamedTuple):
    """What to find: lines with `pattern`, or all files if it is empty, in files whose path fits `glob`.

    parts: where below the real path `root` to look, a directory or a file. limit: of results. seconds: of time.
    """

    root: str
    parts: Sequence[str]
    pattern: str
    glob: str
    limit: int
    seconds: float
    ignore_case: bool = False


class _Found(NamedTuple):
    path: str
    holder: int  # descriptor of the directory that holds it
    name: str


class _Walk:
    """The files below a directory in order; each step opens one name in a directory that is held open."""

    def __init__(self, until: float) -> None:
        self._until = until
        self._files = 0
        self.cut_short = False

    def below(self, fd: int, base: str, rules: Rules, depth: int) -> Iterator[_Found]:
        for file in _IGNORE_FILES:
            text = _text_of(fd, file)
            if text:
                rules = read_rules(text, base, rules)
        with os.scandir(fd) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if self._over():
                return
            path = f"{base}{entry.name}"
            directory = entry.is_dir(follow_symlinks=False)
            if (directory and entry.name == ".git") or rules.ignores(path, directory=directory):
                continue
            if not directory:
                if entry.is_file(follow_symlinks=False):
                    self._files += 1
                    yield _Found(path, fd, entry.name)
            elif depth < _DEEPEST:
                try:
                    inner = os.open(entry.name, _DIRECTORY, dir_fd=fd)
                except OSError:  # unreadable, or replaced by a link meanwhile
                    continue
                try:
                    yield from self.below(inner, f"{path}/", rules, depth + 1)
                finally:
                    os.close(inner)

    def _over(self) -> bool:
        if self._files >= _MOST_FILES or time.monotonic() > self._until:
            self.cut_short = True
        return self.cut_short


def search(query: Query) -> dict[str, Any]:
    """`results`: lines as "path:line:text", or paths. `cut_short`: there may be more. re.error; OSError."""
    pattern = re.compile(query.pattern, re.IGNORECASE if query.ignore_case else 0) if query.pattern else None
    globs = _glob(query.glob)
    walk = _Walk(time.monotonic() + query.seconds)
    results: list[str] = []
    for found in _files(query, walk):
        if globs is not None and not globs.fullmatch(found.path):
            continue
        if pattern is None:
            results.append(_printable(found.path))
        else:
            results += _lines(found, pattern, query.limit - len(results) + 1)
        if len(results) > query.limit:
            return {"results": results[: query.limit], "cut_short": True}
    return {"results": results, "cut_short": walk.cut_short}


def _glob(glob: str) -> re.Pattern[str] | None:
    if not glob:
        return None
    anchored = "/" in glob.rstrip("/")
    return re.compile(glob_regex(glob.removeprefix("/")) if anchored else f"(?:.*/)?{glob_regex(glob)}", re.DOTALL)


def _files(query: Query, walk: _Walk) -> Iterator[_Found]:
    held = os.open(query.root, _DIRECTORY)
    rules, base = Rules(), ""
    try:
        for place, part in enumerate(query.parts):
            for file in _IGNORE_FILES:  # rules above the place where the search begins hold there, too
                if text := _text_of(held, file):
                    rules = read_rules(text, base, rules)
            try:
                below = os.open(part, _DIRECTORY, dir_fd=held)
            except NotADirectoryError:
                if place == len(query.parts) - 1:
                    yield _Found("/".join(query.parts), held, part)
                    return
                raise
            os.close(held)
            held, base = below, f"{base}{part}/"
        yield from walk.below(held, base, rules, 0)
    finally:
        os.close(held)


def _lines(found: _Found, pattern: re.Pattern[str], most: int) -> list[str]:
    text = _text_of(found.holder, found.name)
    lines: list[str] = []
    for number, line in enumerate(text.splitlines() if text else (), 1):
        if pattern.search(line[:_LONGEST_SEARCHED]):
            lines.append(f"{_printable(found.path)}:{number}:{line.strip()[:_LONGEST_LINE]}")
            if len(lines) >= most:
                break
    return lines


def _text_of(holder: int, name: str) -> str | None:
    """A regular file's text, None when it is none, or too large."""
    try:
        with os.fdopen(os.open(name, _FILE, dir_fd=holder), "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError:
        return None
    if len(data) > _LARGEST or b"\0" in data[:8192]:
        return None
    return data.decode("utf-8", "replace")


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def main() -> None:
    """One query from the command line, its answer to standard output."""
    query = Query(**json.loads(sys.argv[1]))
    try:
        answer = search(query)
    except re.error as error:
        answer = {"fault": f"the pattern is no regular expression: {error}"}
    except OSError as error:
        answer = {"fault": f"cannot be searched: {error.strerror}"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
