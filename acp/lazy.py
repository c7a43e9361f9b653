"""Imports by name at first use: the one place where the agent imports late (see router.METHODS and hosting)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["load_target"]


def load_target(target: str) -> Any:
    """The object that "module:name" means; the module is imported now if it was not before."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
