"""A backend's keys in turn: each that is refused or throttled rests on its own, decided over a clock's numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["KeyRing", "Rest"]

SECONDS: Final = 1.0


class Rest(Enum):
    """Why a key rests: (seconds of the first rest, of the longest); each in a row is twice the one before."""

    DENIED = (30 * SECONDS, 600 * SECONDS)
    """The server does not accept it. Where no other is left it is tried all the same: only so can it be seen to be
    accepted again.
    """
    THROTTLED = (1 * SECONDS, 60 * SECONDS)
    """The server wants it to pause, and means it."""


@dataclass(slots=True)
class _Key:
    until: float = float("-inf")
    reason: Rest | None = None
    rests: int = 0

    def rest(self, reason: Rest, now: float, asked: float | None) -> bool:
        resting = self.until > now
        if resting and asked is None:
            return False  # of several answers to calls that were under way together, one counts
        if reason is not self.reason:
            self.reason, self.rests = reason, 0
        first, longest = reason.value
        # The exponent is capped, too: a float overflows after a thousand rests.
        length = min(first * 2.0 ** min(self.rests, 16), longest) if asked is None else asked
        self.rests += not resting
        self.until = max(self.until, now + length)
        return True

    def wake(self, now: float) -> bool:
        throttled = self.reason is Rest.THROTTLED and self.until > now
        if self.reason is None or throttled:
            return False  # a call from before the throttling came through: that does not end the rest
        self.until, self.reason, self.rests = float("-inf"), None, 0
        return True


class KeyRing:
    """`count` keys by number. Times are seconds of any one monotonic clock."""

    def __init__(self, count: int) -> None:
        self._keys = [_Key() for _ in range(count)]
        self._turn = 0

    def take(self, now: float) -> int:
        """The key whose turn it is, and the turn passes on; while all rest, the one most likely to be accepted."""
        chosen = self.look(now)
        self._turn = (chosen + 1) % len(self._keys)
        return chosen

    def look(self, now: float) -> int:
        """As `take`, without passing on the turn."""
        count = len(self._keys)
        for offset in range(count):
            number = (self._turn + offset) % count
            if self._keys[number].until <= now:
                return number
        return min(range(count), key=lambda number: (self._keys[number].reason is not Rest.DENIED, self._ends(number)))

    def resting(self, now: float) -> Rest | None:
        """None while some key is awake; else THROTTLED where at least one is, as that one will come back by itself."""
        if any(key.until <= now for key in self._keys):
            return None
        throttled = any(key.reason is Rest.THROTTLED for key in self._keys)
        return Rest.THROTTLED if throttled else Rest.DENIED

    def wakes_at(self) -> float:
        """When the first of the resting keys is awake again."""
        return min(key.until for key in self._keys)

    def rest(self, key: int, reason: Rest, now: float, asked: float | None = None) -> bool:
        """The server would not have this key. asked: seconds it wants us to wait, as far as that is believed.
        Whether anything has changed.
        """
        return self._keys[key].rest(reason, now, asked)

    def accepted(self, key: int, now: float) -> bool:
        """The server answered a call with this key. Whether anything has changed."""
        return self._keys[key].wake(now)

    def _ends(self, number: int) -> float:
        return self._keys[number].until
