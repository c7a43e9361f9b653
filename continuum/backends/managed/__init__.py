"""Servers the router starts itself: on first use, one process group each, ended when idle, at exit and at our death.

What such a server is (llama.cpp, the embedded model, anything) does not matter here; who may ask for one neither.
"""

from continuum.backends.managed.lifecycle import State
from continuum.backends.managed.server import ManagedServer

__all__ = ["ManagedServer", "State"]
