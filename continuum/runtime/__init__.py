"""Wires one running instance: configuration, pool, engine, logging."""

from continuum.runtime.discover import PLACES, Discovery, describe, discover, rows
from continuum.runtime.instance import Instance
from continuum.runtime.opening import make_instance, open_instance, run_instance
from continuum.runtime.outline import outline
from continuum.runtime.setup import Choice, Setup, look_around, set_up

__all__ = [
    "PLACES",
    "Choice",
    "Discovery",
    "Instance",
    "Setup",
    "describe",
    "discover",
    "look_around",
    "make_instance",
    "open_instance",
    "outline",
    "rows",
    "run_instance",
    "set_up",
]
