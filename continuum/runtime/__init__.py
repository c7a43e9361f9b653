"""Wires one running instance: configuration, pool, engine, logging."""

from continuum.runtime.discover import PLACES, Discovery, describe, discover, rows
from continuum.runtime.instance import Instance
from continuum.runtime.opening import open_instance
from continuum.runtime.outline import outline
from continuum.runtime.setup import Choice, Setup, set_up

__all__ = [
    "PLACES",
    "Choice",
    "Discovery",
    "Instance",
    "Setup",
    "describe",
    "discover",
    "open_instance",
    "outline",
    "rows",
    "set_up",
]
