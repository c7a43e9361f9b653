"""Tables against folders: what stands in the folder has its row, and every row has its file."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from continuum.acp.router import METHODS
from continuum.config.model import SECTIONS
from continuum.providers import PROVIDERS
from continuum.selection import STRATEGIES

# Files that serve the others of their folder and are no rows themselves.
SHARED = {"__init__", "base", "bounded", "listing", "ring"}


def holders(package: str, attribute: str, rows: Mapping[str, object]) -> set[str]:
    """The files of a package whose attribute is a row of its table."""
    folder = Path(importlib.import_module(package).__path__[0])
    stems = {path.stem for path in folder.glob("*.py")} - SHARED
    modules = {stem: importlib.import_module(f"{package}.{stem}") for stem in stems}
    found = {stem: getattr(module, attribute, None) for stem, module in modules.items()}
    assert len(rows) == len(set(map(id, rows.values()))), "one row twice"
    assert all(any(row is one for one in found.values()) for row in rows.values()), "a row that no file holds"
    return {stem for stem, one in found.items() if any(one is row for row in rows.values())}


TABLES: Mapping[str, Callable[[], set[str]]] = {
    "acp/methods": lambda: {method.module for method in METHODS},
    "continuum/config/sections": lambda: set(SECTIONS),
    "continuum/providers": lambda: holders("continuum.providers", "PROVIDER", PROVIDERS),
    "continuum/selection": lambda: holders("continuum.selection", "ROW", STRATEGIES),
}


@pytest.mark.parametrize(("folder", "rows"), TABLES.items())
def test_table_and_folder_are_equal(checkout: Path, folder: str, rows: Callable[[], set[str]]) -> None:
    assert rows() == {path.stem for path in (checkout / folder).glob("*.py")} - SHARED


def test_names_are_those_of_the_rows() -> None:
    assert list(PROVIDERS) == [row.name for row in PROVIDERS.values()]
    assert list(STRATEGIES) == [row.name for row in STRATEGIES.values()]
    assert len({method.name for method in METHODS}) == len(METHODS)
