"""What is installed and committed: the package list against the tree, the links, locks and files that name no place."""

import ast
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest

from continuum.version import VERSION

LINKS = {"continuum/acp": "../acp", "continuum/cli": "../cli", "scripts/types/continuum": "../../continuum"}

# Imported beside the dependency that brings them, which is built on them.
COME_ALONG = {"anyio", "h2", "httpx2", "mcp-types", "pydantic-core", "werkzeug"}
# A floor under what hypercorn brings; and pip, which is run, not imported.
NOT_IMPORTED = {"h11", "pip"}

# Folders of other people's machines. The one we stand on is added while running.
ELSEWHERE = re.compile(r"(?<![\w.~-])/(?:home|Users)/(?!you\b|user\b|me\b)\w+/")

LOCKED = re.compile(r"|[\w.-]+==[\w.+!-]+ \\|--hash=sha256:[0-9a-f]{64}( \\)?")


@pytest.fixture(scope="module")
def project(checkout: Path) -> dict[str, Any]:
    return tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))


def packages_of(checkout: Path) -> list[str]:
    """Every folder with Python files, under the name it is installed by."""
    names: set[str] = set()
    for top in ("continuum", "acp", "cli"):
        for path in (checkout / top).rglob("*.py"):
            parts = path.parent.relative_to(checkout).parts
            names.add(".".join(parts if parts[0] == "continuum" else ("continuum", *parts)))
    return sorted(names)


@cache
def committed(checkout: Path) -> Mapping[str, str]:
    """The text of every file that git knows; in an unpacked archive there is no git, and nothing to look at."""
    if not (checkout / ".git").exists():
        return {}
    names = subprocess.run(["git", "ls-files", "-z"], cwd=checkout, check=True, capture_output=True, text=True).stdout
    texts: dict[str, str] = {}
    for name in filter(None, names.split("\0")):
        path = checkout / name
        if path.is_file() and not path.is_symlink():
            texts[name] = path.read_text(encoding="utf-8", errors="replace")
    return texts


def test_the_package_list_equals_the_tree(checkout: Path, project: dict[str, Any]) -> None:
    wanted = packages_of(checkout)
    listed = project["tool"]["setuptools"]["packages"]
    lines = "".join(f'    "{name}",\n' for name in wanted)
    assert sorted(listed) == wanted, f"pyproject.toml, [tool.setuptools]: packages = [\n{lines}]"


def test_every_package_has_an_init(checkout: Path) -> None:
    missing = [
        name
        for name in packages_of(checkout)
        if not (checkout / name.replace(".", "/") / "__init__.py").is_file()  # through the links
    ]
    assert not missing


def test_dependencies_are_what_is_imported(checkout: Path, project: dict[str, Any]) -> None:
    declared = {
        normal(requirement)
        for group in (project["project"]["dependencies"], *project["project"]["optional-dependencies"].values())
        for requirement in group
    }
    homes = packages_distributions()
    used = {normal(homes[top][0]) for top in imported(checkout) if top in homes} - {"continuum-router"}
    assert used - COME_ALONG == declared - NOT_IMPORTED - {"continuum-router"}


def normal(requirement: str) -> str:
    """A requirement's or distribution's bare name."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def imported(checkout: Path) -> set[str]:
    """The top-level names that the product imports."""
    files = [path for top in ("continuum", "acp", "cli") for path in (checkout / top).rglob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    absolute = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")]
    named = {arg.value for call in calls for arg in call.args[:1] if isinstance(arg, ast.Constant)}
    return {str(name).partition(".")[0] for name in plain | absolute | named}


def test_every_data_file_is_packaged(checkout: Path, project: dict[str, Any]) -> None:
    """Setuptools takes only what package-data names: a file that nobody named would be missing from the wheel."""
    data: dict[str, list[str]] = project["tool"]["setuptools"]["package-data"]
    named: set[str] = set()
    for package, patterns in data.items():
        folder = checkout / package.replace(".", "/")
        for pattern in patterns:
            named |= {str(path.resolve().relative_to(checkout)) for path in folder.glob(pattern)}
    unnamed = [
        name
        for name in committed(checkout)
        if name.startswith(("continuum/", "acp/", "cli/")) and not name.endswith(".py") and name not in named
    ]
    assert not unnamed


@pytest.mark.parametrize(("link", "target"), LINKS.items())
def test_the_links_are_relative(checkout: Path, link: str, target: str) -> None:
    path = checkout / link
    assert path.is_symlink()
    assert os.readlink(path) == target  # noqa: PTH115 - the text itself, not what it leads to


def test_locks_name_releases_and_hashes_but_no_place(checkout: Path) -> None:
    for lock in (checkout / "requirements").glob("*.txt"):
        for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), 1):
            code = line.partition("#")[0].strip()
            assert re.fullmatch(r"|[\w.-]+==[\w.+!-]+ \\|--hash=sha256:[0-9a-f]{64}( \\)?", code), (
                f"{lock.name}:{number}"
            )
    npm = json.loads((checkout / "tests/node/package-lock.json").read_text(encoding="utf-8"))
    for name, entry in npm["packages"].items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"].startswith("sha512-"), name


def test_no_committed_file_names_a_place_on_this_machine(checkout: Path) -> None:
    places = {f"{checkout}/", f"{checkout.parent}/", f"{Path.home()}/"} - {"/", "//"}
    here = re.compile("|".join(rf"(?<![\w.~-]){re.escape(place)}" for place in sorted(places)))
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1} {match[0]}"
        for name, text in committed(checkout).items()
        for pattern in (here, ELSEWHERE)
        for match in pattern.finditer(text)
    ]
    assert not found


def test_the_version_is_in_the_changelog(checkout: Path) -> None:
    changelog = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{VERSION}]" in changelog or "## [Unreleased]" in changelog
    assert version("continuum-router") == VERSION
