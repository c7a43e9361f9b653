"""Backends that can answer the same calls, and the strategy that chooses one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum.selection import Candidates, Hint

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from continuum.backends.backend import Backend
    from continuum.chat import Operation
    from continuum.config import Routing
    from continuum.core.call import Call
    from continuum.selection import Strategy, StrategyRow

__all__ = ["Group"]

_NO_HINT = Hint()


class Group:
    """Never empty. `members` is the same object until someone joins or leaves; then the strategy, its turn or its
    ring goes on with the new ones.
    """

    __slots__ = ("_prefix", "_row", "_strategy", "_weights", "members")

    def __init__(
        self, members: Sequence[Backend], row: StrategyRow, routing: Routing, strategy: Strategy | None = None
    ) -> None:
        """strategy: one of this row that has been at work already."""
        self.members = tuple(members)
        self._weights = [backend.weight for backend in members]
        self._row = row
        self._strategy = strategy or row.make(routing.prefix)
        self._prefix = routing.prefix

    def successor(self, members: Sequence[Backend], row: StrategyRow, routing: Routing) -> Group:
        """Another configuration's group for the same model. Where the choice is made as before its turns go on, with
        the same members as if nothing had happened.
        """
        if (row, routing.prefix) != (self._row, self._prefix):
            return Group(members, row, routing)
        same = tuple(members) == self.members and [backend.weight for backend in members] == self._weights
        return Group(self.members if same else members, row, routing, self._strategy)

    def take_over(self, members: Sequence[Backend]) -> None:
        """Choose among these from now on."""
        found = tuple(members)
        if found != self.members:
            self.members = found

    @property
    def strategy(self) -> str:
        """How one of them is chosen."""
        return self._row.name

    def has(self, operation: Operation) -> bool:
        """Whether any of them takes such calls."""
        return any(operation in backend.provider.paths for backend in self.members)

    def choose(self, call: Call, tried: Collection[Backend], out: Collection[Backend] = ()) -> Backend | None:
        """One that can take the call now, was not tried and is not out; None when there is none."""
        operation = call.operation

        def usable(backend: Backend) -> bool:
            if backend.full or operation not in backend.provider.paths:
                return False
            return backend not in out and backend not in tried

        return self._strategy.choose(Candidates(self.members, usable), self._hint(call))

    def _hint(self, call: Call) -> Hint:
        row = self._row
        if not (row.wants_affinity or row.wants_prefix):
            return _NO_HINT
        return Hint(
            affinity=call.affinity if row.wants_affinity else None,
            prefix=call.opening(self._prefix.length) if row.wants_prefix else None,
        )
