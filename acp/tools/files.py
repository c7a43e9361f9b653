"""Texts of files, read and written: through the client where it can (unsaved buffers count), else on the disk."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Final, TypeVar

import trio

from ..client import Client
from ..jsonrpc import JsonObject, RpcError, well_formed
from ..sent.requests import READ_FILE, WRITE_FILE, Ask, ReadFile, WriteFile
from .base import ToolFault
from .paths import Target, fault_of, open_beneath, parent_of

__all__ = ["LARGEST", "Files", "NotText"]

LARGEST: Final = 8 * 1024 * 1024
"""Bytes of the largest file that is read whole; the client's answer must fit into one line of ours."""

_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"
_CLIENT_TIME: Final = 60.0  # seconds for the editor to read or write a file
_NEW_FILE: Final = 0o666  # less the umask
_R = TypeVar("_R")
P = TypeVar("P", bound=Mapping[str, object])
_CHANGED: Final = "it changed since it was read: read it again, then repeat the change"


class NotText(ToolFault):
    """A file that is summarised and never written back: binary, or too large."""


class Files:
    """The files of one session, and what of them the model has seen."""

    def __init__(self, client: Client, session_id: str) -> None:
        self._client = client
        self._session_id = session_id
        self._seen: dict[str, bytes] = {}

    async def read(self, target: Target) -> str | None:
        """The text; None when there is no such file. NotText; ToolFault."""
        on_disk = await self._on_disk(target)
        if not self._client.can("read"):
            return on_disk
        try:
            return await self._ask_client(target)
        except ToolFault:
            if on_disk is None:  # clients have many ways to say that there is no such file
                return None
            raise

    def saw(self, target: Target, text: str) -> None:
        """The model has been shown this text of the file, or wrote it."""
        self._seen[target.real] = _digest(text)

    def forget(self, target: Target) -> None:
        """The file is no longer there."""
        self._seen.pop(target.real, None)

    def check_seen(self, target: Target, text: str) -> None:
        """ToolFault when what the model has seen of the file is no longer what is there."""
        seen = self._seen.get(target.real)
        if seen is not None and seen != _digest(text):
            raise ToolFault(f"{target.shown}: {_CHANGED}")

    async def write(self, target: Target, text: str, *, instead_of: str | None) -> None:
        """Write, if the file still is what the change was made from (None: it does not exist). ToolFault."""
        if await self.read(target) != instead_of:
            raise ToolFault(f"{target.shown}: {_CHANGED}")
        if self._client.can("write"):
            params: WriteFile = {"sessionId": self._session_id, "path": target.shown, "content": text}
            await self._of_client(WRITE_FILE, params, target)
        else:
            await _in_thread(target, lambda: _write(target, text.encode(), instead_of))
        self.saw(target, text)

    async def _on_disk(self, target: Target) -> str | None:
        return await _in_thread(target, lambda: _read(target), abandon=True)

    async def _ask_client(self, target: Target) -> str:
        params: ReadFile = {"sessionId": self._session_id, "path": target.shown}
        text = (await self._of_client(READ_FILE, params, target)).get("content")
        if not isinstance(text, str):
            raise ToolFault(f"{target.shown}: the editor gave no text")
        halves = well_formed(text) != text
        if halves or _REPLACED in text:  # decoded with replacement, maybe: written back, that would be the file's end
            on_disk = await self._on_disk(target)
            if halves or on_disk is None or _REPLACED not in on_disk:
                raise NotText(f"{target.shown}: not valid UTF-8 as the editor gives it")
        return text

    async def _of_client(self, ask: Ask[P], params: P, target: Target) -> JsonObject:
        with trio.move_on_after(_CLIENT_TIME):
            try:
                return await self._client.request(ask, params)
            except RpcError as error:
                raise ToolFault(f"{target.shown}: the editor refused: {error.message[:500]}") from None
        raise ToolFault(f"{target.shown}: the editor did not answer within {_CLIENT_TIME:.0f} s")


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


async def _in_thread(target: Target, work: Callable[[], _R], *, abandon: bool = False) -> _R:
    """abandon: whether a cancelled turn may leave the work behind, as it may where nothing is changed."""
    try:
        return await trio.to_thread.run_sync(work, abandon_on_cancel=abandon)
    except OSError as error:
        raise fault_of(error, target.shown) from None


def _read(target: Target) -> str | None:
    try:
        fd = open_beneath(target)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise ToolFault(f"{target.shown}: it is a directory")
        if status.st_size > LARGEST:
            raise NotText(f"{target.shown}: {status.st_size} bytes, too large to be read; search it instead")
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise NotText(f"{target.shown}: too large to be read; search it instead")
    if b"\0" in data:
        raise NotText(f"{target.shown}: a binary file of {len(data)} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise NotText(f"{target.shown}: not UTF-8, {len(data)} bytes") from None


def _write(target: Target, data: bytes, instead_of: str | None) -> None:
    """Beside the file, then in its place in one step: a full disk or a crash leaves the old one."""
    name = target.parts[-1]
    with parent_of(target, create=True) as parent:
        if instead_of is None:
            _fill(parent, name, _NEW_FILE, data)
            return
        if _read(target) != instead_of:
            raise ToolFault(f"{target.shown}: {_CHANGED}")
        beside = f".{name[:200]}.{secrets.token_hex(6)}"
        mode = stat.S_IMODE(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        _fill(parent, beside, mode, data)
        os.rename(beside, name, src_dir_fd=parent, dst_dir_fd=parent)


def _fill(parent: int, name: str, mode: int, data: bytes) -> None:
    """A file that was not there before, whole or not at all."""
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=parent)
    try:
        with os.fdopen(fd, "wb") as file:
            if mode != _NEW_FILE:
                os.fchmod(fd, mode)
            file.write(data)
    except BaseException:
        with suppress(OSError):
            os.unlink(name, dir_fd=parent)
        raise
