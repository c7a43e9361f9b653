"""The admin token that is made where none is configured: a file that only its owner may read, or nowhere but here."""

from __future__ import annotations

import secrets
from pathlib import Path

from continuum.storage.private import create

__all__ = ["FILE_NAME", "AdminToken", "TokenInMemory"]

FILE_NAME = "admin.token"
_LONGEST = 4096
_OTHERS = 0o077


class AdminToken:
    """One file in a storage folder. Blocks, for a file of one line."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def ensure(self) -> None:
        """Make it, unless it is there. Raises OSError."""
        if not self.path.exists():
            create(self.path, f"{secrets.token_urlsafe(32)}\n".encode())

    def read(self) -> str | None:
        """The token; None where there is none, where it cannot be read, and where others than its owner may."""
        try:
            with self.path.open("rb") as stream:
                if self.path.stat().st_mode & _OTHERS:
                    return None
                return stream.read(_LONGEST).decode("ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None


class TokenInMemory:
    """The same for a process that keeps nothing."""

    def __init__(self) -> None:
        self._token = secrets.token_urlsafe(32)

    def ensure(self) -> None:
        """It is there."""

    def read(self) -> str:
        """The token."""
        return self._token
