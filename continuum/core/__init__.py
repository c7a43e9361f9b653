"""The one path a call takes: `Engine.open(call) -> Reply`."""

from continuum.chat import Operation
from continuum.core.access import ANONYMOUS, Access, Entry, KeyTable, Principal, entry_of
from continuum.core.call import Call
from continuum.core.contents import Contents
from continuum.core.ending import Accounts, Ending
from continuum.core.engine import Engine
from continuum.core.fallback import Fallen
from continuum.core.frame import Frame
from continuum.core.limits import Level, Limits, Standing
from continuum.core.reply import Reply

__all__ = [
    "ANONYMOUS",
    "Access",
    "Accounts",
    "Call",
    "Contents",
    "Ending",
    "Engine",
    "Entry",
    "Fallen",
    "Frame",
    "KeyTable",
    "Level",
    "Limits",
    "Operation",
    "Principal",
    "Reply",
    "Standing",
    "entry_of",
]
