"""The one path a call takes: `Engine.open(call) -> Reply`."""

from continuum.chat import Operation
from continuum.core.call import Call
from continuum.core.engine import Engine
from continuum.core.frame import Frame
from continuum.core.reply import Reply

__all__ = ["Call", "Engine", "Frame", "Operation", "Reply"]
