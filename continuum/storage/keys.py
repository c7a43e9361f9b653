"""Client keys that were made while the router ran: what a store of them offers. Plain arguments, so that any database
can serve. Nobody here sees a key: only its digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

__all__ = ["KeyRow", "Keys"]


class KeyRow(NamedTuple):
    """What is kept of a key. digest: SHA-256 of it. earlier: of the one before, which opens until `until`. used: when
    it last was. Times are milliseconds since the epoch. record: the owner's own.
    """

    id: str
    digest: bytes
    earlier: bytes | None
    until: int | None
    used: int | None
    record: bytes


class Keys(Protocol):
    """A store, asked one thing at a time. A call that raises StorageFault has not done what it was asked for."""

    async def load(self) -> Sequence[KeyRow]:
        """Every key, in the order of their making."""
        ...

    async def stale(self) -> bool:
        """Whether another process may have changed a key since the last `load`, or since a change of ours."""
        ...

    async def put(self, row: KeyRow) -> None:
        """Write a key, in the place of the one of its id where there is one. Durable on return."""
        ...

    async def delete(self, ident: str) -> bool:
        """Forget a key, durably; False where there was none."""
        ...

    async def note_uses(self, uses: Mapping[str, int]) -> None:
        """When these keys were last used; unknown ids are left out, and no time goes back."""
        ...

    def close(self) -> None:
        """No more calls follow."""
        ...
