"""Prompt files of one folder, by a path that somebody sent: found component by component, no link followed out of it.

Blocking: callers use a thread.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from continuum.config.sections.global_prompts import LARGEST_PROMPT, SUFFIXES
from continuum.errors import ConfigError, ConfigProblem, ContentTooLarge, InternalError, NotFound
from continuum.prompts.sources import named_files
from continuum.storage.private import write_down

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from continuum.config import GlobalPrompts

__all__ = ["PromptFolder", "Text", "folder_of"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not keep us waiting
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT: Final = "there is no such prompt file"


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text. path: as answers name it. modified_at: seconds since the epoch."""

    path: str
    content: str
    size: int
    modified_at: int


class PromptFolder:
    """The folder of global_prompts, and beside it the files that the section names.

    beside: the folder of the configuration. named: what the section names: only these are reached beside it.
    """

    def __init__(self, beside: Path, prompts_dir: str, named: Collection[str]) -> None:
        self._beside = beside
        self._root = beside / prompts_dir
        self._name = PurePosixPath(prompts_dir).name
        self._named = named

    def read(self, path: str) -> Text:
        """A file. Raises ConfigError for a path that cannot be one, NotFound, ContentTooLarge."""
        parts = self._parts(path)
        folder, told = self._place(path, parts)
        with ExitStack() as stack:
            try:
                descriptor = _open(folder, parts if folder == self._root else PurePosixPath(path).parts, stack)
            except OSError:
                raise NotFound(_ABSENT) from None
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise NotFound(_ABSENT)
            with os.fdopen(os.dup(descriptor), "rb") as stream:
                content = stream.read(LARGEST_PROMPT + 1)
        if len(content) > LARGEST_PROMPT:
            raise ContentTooLarge("the prompt file is larger than 1 MiB")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError([ConfigProblem("is not UTF-8 text", "path")]) from None
        return Text(told, text, len(content), int(found.st_mtime))

    def write(self, path: str, content: str) -> Text:
        """Create or replace a file, whole or not at all. Raises ConfigError, ContentTooLarge, InternalError."""
        encoded = content.encode()
        if len(encoded) > LARGEST_PROMPT:
            raise ContentTooLarge("a prompt may have 1 MiB of text at most")
        parts = self._parts(path)
        folder, told = self._place(path, parts)
        inner = parts if folder == self._root else PurePosixPath(path).parts
        try:
            if folder == self._root:
                self._root.mkdir(parents=True, exist_ok=True)
            with ExitStack() as stack:
                return Text(told, content, len(encoded), _replace(folder, inner, encoded, stack))
        except (NotADirectoryError, IsADirectoryError):
            raise ConfigError([ConfigProblem("is not a place where a prompt file can be", "path")]) from None
        except OSError as fault:
            if isinstance(fault.filename, str) and fault.strerror == "Too many levels of symbolic links":
                raise NotFound(_ABSENT) from None
            raise InternalError("the prompt file cannot be written") from None

    def told(self, path: str) -> str:
        """How answers name a file, whether it is there or not. Blocking."""
        try:
            return self._place(path, self._parts(path))[1]
        except ConfigError:
            return path

    def places(self, names: Iterable[str]) -> list[Path]:
        """Where files are sought, in this order for each: in the folder, beside the configuration."""
        return [place for name in names for place in (self._root.joinpath(*self._parts(name)), self._beside / name)]

    def _parts(self, path: str) -> tuple[str, ...]:
        """The parts of a path below the folder. Raises ConfigError."""
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in path or not path.isprintable() or path.startswith("~"):
            raise ConfigError([ConfigProblem("must be a relative path without '..'", "path")])
        if pure.suffix not in SUFFIXES or not pure.stem or any(len(part.encode()) > 255 for part in pure.parts):
            raise ConfigError([ConfigProblem(f"must name a file that ends in {' or '.join(SUFFIXES)}", "path")])
        return pure.parts[1:] if pure.parts[0] == self._name and len(pure.parts) > 1 else pure.parts

    def _place(self, path: str, parts: tuple[str, ...]) -> tuple[Path, str]:
        """The folder in which a file is, or will be, and how answers name it."""
        inside = self._root.joinpath(*parts)
        if not inside.is_file() and path in self._named and (self._beside / path).is_file():
            return self._beside, path
        return self._root, f"{self._name}/{'/'.join(parts)}"


def folder_of(section: GlobalPrompts, beside: Path) -> PromptFolder:
    """The folder of this section. beside: the configuration's."""
    return PromptFolder(beside, section.prompts_dir, named_files(section))


def _open(folder: Path, parts: tuple[str, ...], stack: ExitStack) -> int:
    """A file below a folder. A link that stays inside is gone through first, and then no part may be one."""
    top = folder.resolve(strict=True)
    target = top.joinpath(*parts).resolve(strict=True)
    if not target.is_relative_to(top):
        raise FileNotFoundError
    *above, name = target.relative_to(top).parts
    descriptor = _walk(top, above, stack)
    found = os.open(name, _READ, dir_fd=descriptor)
    stack.callback(os.close, found)
    return found


def _walk(top: Path, parts: list[str], stack: ExitStack, *, make: bool = False) -> int:
    descriptor = os.open(top, _FOLDER)
    stack.callback(os.close, descriptor)
    for part in parts:
        if make:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=descriptor)
        descriptor = os.open(part, _FOLDER, dir_fd=descriptor)
        stack.callback(os.close, descriptor)
    return descriptor


def _replace(folder: Path, parts: tuple[str, ...], content: bytes, stack: ExitStack) -> int:
    """Write a file beside the old one and take its place; gives its time."""
    *above, name = parts
    place = _walk(folder.resolve(strict=True), above, stack, make=True)
    mode = 0o644
    with suppress(FileNotFoundError):
        found = os.stat(name, dir_fd=place, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError
        mode = stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else mode
    beside = f".{secrets.token_hex(8)}.new"
    descriptor = os.open(beside, _WRITE, mode, dir_fd=place)
    try:
        try:
            os.fchmod(descriptor, mode)
            write_down(descriptor, content)
            written = int(os.fstat(descriptor).st_mtime)
        finally:
            os.close(descriptor)
        os.replace(beside, name, src_dir_fd=place, dst_dir_fd=place)
    except OSError:
        with suppress(OSError):
            os.unlink(beside, dir_fd=place)
        raise
    os.fsync(place)
    return written
