"""What to try for a call, decided before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from continuum.errors import ModelNotFound, NoBackendAvailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum.backends.catalog import Catalog, Served

__all__ = ["Plan", "plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The model a call resolved to, and who serves it under which name (never empty)."""

    model: str
    served: Sequence[Served]


def plan(asked: str, aliases: Mapping[str, str], catalog: Catalog) -> Plan:
    """Resolve a model: an alias first, then the catalog whole, then `backend/model`."""
    if catalog.empty:
        raise NoBackendAvailable("No backends available")
    model = aliases.get(asked, asked)
    served = catalog.serving(model)
    if not served:
        raise ModelNotFound(f"The model '{asked}' does not exist or no backend serves it", param="model")
    return Plan(model, served)
