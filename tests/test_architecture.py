"""The house's floors, held by reading every import of the product: docs/architecture.md says why.

The tables below are the rules; `faults_of` applies them to one file's text, so planted violations test the tester.
"""

import ast
import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A room may import itself and rooms of lower floors: rooms of one floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("continuum.errors", "continuum.clock", "continuum.redact", "continuum.version"),
    ("continuum.chat", "continuum.selection", "continuum.metrics"),
    ("continuum.dialects",),
    ("continuum.providers", "continuum.storage"),
    ("continuum.config",),
    ("continuum.resilience", "continuum.prompts", "continuum.files", "continuum.children"),
    ("continuum.backends",),
    ("continuum.core",),
    ("continuum.runtime",),
    ("continuum.http", "continuum.acp"),
    ("continuum.router", "continuum.testing"),
    ("continuum",),
    ("continuum.cli",),
    ("continuum.__main__",),
)

# Doubles for tests, public but no part of the product: nothing above them imports them either.
DOUBLES = "continuum.testing"

# Who may import what we did not write. A package that has no row may be imported nowhere.
_ANYWHERE_ASYNC = tuple(
    f"continuum.{room}"
    for room in (
        *("clock", "config", "storage", "children", "backends", "core"),
        *("runtime", "http", "acp", "router", "testing", "cli"),
    )
)
THIRD_PARTIES: Mapping[str, tuple[str, ...]] = {
    "anyio": ("continuum.acp.mcp",),  # the streams that mcp takes
    "click": ("continuum.cli",),
    "coredis": ("continuum.storage",),
    "h11": ("continuum.http", "continuum.testing"),
    "h2": ("continuum.http.edge.http2",),
    "httptools": ("continuum.backends.transport",),
    "httpx": ("continuum.backends", "continuum.cli.api", "continuum.acp.tools.fetch"),
    "hypercorn": ("continuum.http",),
    "httpx2": ("continuum.acp.mcp",),  # the client that mcp takes
    "mcp": ("continuum.acp.mcp",),
    "mcp_types": ("continuum.acp.mcp",),
    "msgspec": ("continuum",),
    "prometheus_client": ("continuum.metrics",),
    "pydantic": ("continuum.config", "continuum.acp.schema", "continuum.http.admin"),
    "pydantic_core": ("continuum.config",),
    "quart": ("continuum.http",),
    "quart_trio": ("continuum.http",),
    "rich": ("continuum.cli",),
    "tomli_w": ("continuum.config.codec",),
    "tomllib": ("continuum.config.codec",),  # the standard library's, but a format all the same
    "trio": _ANYWHERE_ASYNC,
    "watchfiles": ("continuum.config.watch",),
    "werkzeug": ("continuum.http",),  # Quart's own ground: its exceptions
    "xllamacpp": ("continuum.backends.local",),
    "yaml": ("continuum.config.codec",),
}

# Where imports may stand inside a function, and why: everything else is imported at the top.
LAZY: Mapping[str, str] = {
    "continuum": "public names on demand (PEP 562)",
    "continuum.acp.lazy": "the start-up table of stdio mode",
    "continuum.backends.transport": "names on demand: only proxies, HTTP/2 and clients brought along need httpx",
    "continuum.cli.app": "a mode is imported when it is the one to run",
    "continuum.cli.commands": "a command is imported when it is the one to run",
    "continuum.cli.main": "the mode is known before anything is imported",
    "continuum.cli.output": "rich is for terminals, and costs as much as all the rest",
    "continuum.cli.stdio": "the agent answers before the configuration is loaded",
    "continuum.config": "public names on demand: finding the file needs no pydantic",
    "continuum.http.edge.serving": "hypercorn is for HTTP/2, which is spoken beside TLS",
    "continuum.http.pages": "Quart is loaded when the first page is asked for: it is a quarter of the start",
    "continuum.router.web": "a host program that only calls in-process does without the HTTP transport",
}

# The only folder whose files may compare with a provider's name.
PROVIDERS_ROOM = "continuum.providers"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, as written in one place."""

    target: str
    line: int
    nested: bool  # inside a function


def floor_of(module: str) -> tuple[int, str] | None:
    """The floor and the room a module of the product stands in: the longest name that fits."""
    fitting = [
        (room.count("."), floor, room)
        for floor, rooms in enumerate(FLOORS)
        for room in rooms
        if module == room or (room != "continuum" and module.startswith(f"{room}."))
    ]
    return max(fitting)[1:] if fitting else None


def within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def module_of(path: Path) -> str:
    """The dotted name under which a product file is installed: acp/ and cli/ live under continuum."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "continuum" else ("continuum", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def product_files() -> Mapping[str, Path]:
    """Every module of the product by name. The two links are not followed: their folders are read directly."""
    found: dict[str, Path] = {}
    for top in ("continuum", "acp", "cli"):
        for path in sorted((ROOT / top).rglob("*.py")):
            if path.relative_to(ROOT).parts[:2] not in {("continuum", "acp"), ("continuum", "cli")}:
                found[module_of(path)] = path
    return found


def imports_of(module: str, tree: ast.AST, *, package: bool, known: frozenset[str]) -> Iterator[Import]:
    """Every import, absolute: `from a import b` names a.b where that is a module, else a; import_module counts too."""
    nested = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(outer)
    }
    constants = {
        name.id: value.value
        for statement in getattr(tree, "body", [])
        if isinstance(statement, ast.Assign) and isinstance(value := statement.value, ast.Constant)
        for name in statement.targets
        if isinstance(name, ast.Name) and isinstance(value.value, str)
    }
    base = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(tree):
        inside = id(node) in nested
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.name, node.lineno, inside)
            case ast.ImportFrom(module=source, names=names, level=level):
                parents = base[: len(base) - level + 1] if level else []
                origin = ".".join([*parents, *([source] if source else [])])
                for alias in names:
                    full = f"{origin}.{alias.name}"
                    yield Import(full if full in known else origin, node.lineno, inside)
            case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__")):
                named = node.args[0] if node.args else None
                if isinstance(named, ast.Constant) and isinstance(named.value, str):
                    yield Import(named.value, node.lineno, inside)
                elif isinstance(named, ast.Name) and named.id in constants:
                    yield Import(constants[named.id], node.lineno, inside)
                elif module not in LAZY:
                    yield Import("(computed)", node.lineno, nested=True)
            case _:
                pass


def import_fault(module: str, found: Import) -> str | None:
    """What is wrong with one import in one module, if anything."""
    top = found.target.partition(".")[0]
    if found.nested and module not in LAZY:
        return f"imports {found.target} inside a function"
    if top == "continuum":
        here, there = floor_of(module), floor_of(found.target)
        if here is None or there is None:
            return f"no floor is known for {module if here is None else found.target}: add it to FLOORS"
        if here[1] != there[1] and there[0] >= here[0]:
            return f"(floor {here[0]}) imports {found.target} (floor {there[0]})"
        if there[1] == DOUBLES and here[1] != DOUBLES:
            return f"is product code and imports {found.target}"
        return None
    if top in THIRD_PARTIES:
        return None if within(module, THIRD_PARTIES[top]) else f"imports {top}, which is out of place here"
    if top not in sys.stdlib_module_names:
        return f"imports {top}, which has no row in THIRD_PARTIES"
    return None


def compared_strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """String constants that stand in a comparison or a match case, also inside tuples, lists and sets."""
    for node in ast.walk(tree):
        sides: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            sides = [node.value]
        for side in sides:
            items = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
            for item in items:
                if isinstance(item, ast.Constant) and isinstance(item.value, str):
                    yield item.lineno, item.value


def faults_of(
    module: str,
    source: str,
    *,
    package: bool = False,
    known: frozenset[str] = frozenset(),
    providers: frozenset[str] = frozenset(),
) -> list[str]:
    """Every breach of the rules in one file's text, as "module:line what"."""
    tree = ast.parse(source)
    faults = [
        f"{module}:{found.line} {fault}"
        for found in imports_of(module, tree, package=package, known=known)
        if (fault := import_fault(module, found))
    ]
    if not within(module, (PROVIDERS_ROOM,)):
        faults += [
            f"{module}:{line} compares with the provider name {text!r}"
            for line, text in compared_strings(tree)
            if text in providers
        ]
    return faults


def provider_names() -> frozenset[str]:
    table: Mapping[str, object] = importlib.import_module(PROVIDERS_ROOM).PROVIDERS
    return frozenset(table)


def test_every_module_keeps_the_rules() -> None:
    files = product_files()
    faults = [
        fault
        for module, path in files.items()
        for fault in faults_of(
            module,
            path.read_text(encoding="utf-8"),
            package=path.name == "__init__.py",
            known=frozenset(files),
            providers=provider_names(),
        )
    ]
    assert not faults, "\n".join(faults)


def test_no_module_takes_part_in_an_import_loop() -> None:
    files = product_files()
    graph = {
        module: {
            found.target
            for found in imports_of(
                module,
                ast.parse(path.read_text(encoding="utf-8")),
                package=path.name == "__init__.py",
                known=frozenset(files),
            )
            if found.target in files and found.target != module and not found.nested
        }
        for module, path in files.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as loop:
        pytest.fail(" <- ".join(loop.args[1]))


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("continuum.chat.fold", "import continuum.core.engine", "(floor 1) imports continuum.core.engine (floor 7)"),
        ("continuum.chat.fold", "from continuum import core", "(floor 1) imports continuum (floor 11)"),
        ("continuum.http.app", "from continuum.acp import session", "(floor 9) imports continuum.acp (floor 9)"),
        ("continuum.acp.session", "from ..http import app", "(floor 9) imports continuum.http (floor 9)"),
        ("continuum.cli.run", "from continuum.testing import upstream", "is product code and imports"),
        ("continuum.attic.box", "import continuum.errors", "no floor is known for continuum.attic.box"),
        ("continuum.config.model", "import yaml", "imports yaml, which is out of place"),
        ("continuum.dialects.sse", "import trio", "imports trio, which is out of place"),
        ("continuum.acp.server", "import acp", "imports acp, which has no row"),
        ("continuum.core.engine", "import requests", "imports requests, which has no row"),
        ("continuum.core.plan", "def f():\n    import json", "imports json inside a function"),
        ("continuum.core.plan", "import importlib\nimportlib.import_module(name)", "imports (computed) inside"),
        ("continuum.core.plan", "import importlib\nimportlib.import_module('quart')", "imports quart, which is out of"),
        ("continuum.core.plan", "N = 'quart'\nimport importlib\nimportlib.import_module(N)", "imports quart, which is"),
        ("continuum.core.plan", "def f(p):\n    return p == 'openai'", "compares with the provider name 'openai'"),
        ("continuum.core.plan", "def f(p):\n    return p in {'x', 'openai'}", "compares with the provider name"),
        ("continuum.core.plan", "match p:\n    case 'openai': pass", "compares with the provider name 'openai'"),
    ],
)
def test_a_planted_violation_is_caught(module: str, source: str, fault: str) -> None:
    found = faults_of(module, source, providers=frozenset({"openai"}))
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("continuum.core.engine", "from . import plan\nfrom .attempt import Attempt\nfrom continuum.errors import X"),
        ("continuum.backends.client", "import httpx\nimport trio\nfrom continuum.config.sections import timeouts"),
        ("continuum.providers.openai", "def f(p):\n    return p == 'openai'"),
        ("continuum.cli.main", "def f():\n    import click"),
        ("continuum.acp.methods.prompt", "from ..session import Session"),
    ],
)
def test_what_the_rules_allow_passes(module: str, source: str) -> None:
    assert faults_of(module, source, providers=frozenset({"openai"})) == []


def test_public_names_exist() -> None:
    missing: list[str] = []
    for name in product_files():
        if name.rpartition(".")[2] == "__main__":
            continue
        module = importlib.import_module(name)
        missing += [f"{name}.{public}" for public in getattr(module, "__all__", ()) if not hasattr(module, public)]
    assert not missing
