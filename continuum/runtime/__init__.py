"""Wires one running instance: configuration, pool, engine, logging."""

from continuum.runtime.instance import Instance, open_instance
from continuum.runtime.setup import Choice, Setup, set_up

__all__ = ["Choice", "Instance", "Setup", "open_instance", "set_up"]
