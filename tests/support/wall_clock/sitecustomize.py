"""Laid on PYTHONPATH, a wall clock that is off by what a file says, in seconds, at each time it is read. The file is
named by WALL_CLOCK_OFF; monotonic clocks stay the machine's.
"""

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any, TypeAlias

_OFF = Path(os.environ["WALL_CLOCK_OFF"])
_SECOND_NS = 10**9
_Datetime: TypeAlias = dt.datetime
_time_ns, _gmtime, _localtime = time.time_ns, time.gmtime, time.localtime


def _shown_ns() -> int:
    return _time_ns() + int(_OFF.read_text(encoding="ascii")) * _SECOND_NS


def _shown() -> float:
    return _shown_ns() / _SECOND_NS


class _AnyDatetime(type):
    """What C code makes is one, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Datetime)


class _ShownDatetime(_Datetime, metaclass=_AnyDatetime):
    """Makes what it stands for: `now` is C there, and asks the kernel itself."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Datetime:  # type: ignore[misc]  # encoders look for the type itself
        return _Datetime(*args, **kwargs)

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> _Datetime:  # type: ignore[override]
        return _Datetime.fromtimestamp(_shown(), tz)


time.time, time.time_ns = _shown, _shown_ns
time.gmtime = lambda seconds=None: _gmtime(_shown() if seconds is None else seconds)
time.localtime = lambda seconds=None: _localtime(_shown() if seconds is None else seconds)
dt.datetime = _ShownDatetime  # type: ignore[misc]
