# ruff: noqa: E501 - a paragraph of Markdown is one line
"""The configuration's reference in Markdown, read off the classes: docs/configuration.md, `continuum config docs`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from continuum.config.later import LATER
from continuum.config.model import SECTIONS
from continuum.config.plain import is_list, is_mapping
from continuum.config.schema import json_schema
from continuum.config.section import Reload

_INTRODUCTION = """\
# Configuration

Made from the classes in `continuum/config/sections/` by `scripts/generate.py`; `continuum config docs` prints it.

One file in YAML (`.yaml`, `.yml`), TOML or JSON; no file at all is legal (see the end).

**Where it is found**: `--config PATH`, else `$CONTINUUM_CONFIG`, `./continuum.yaml`, `./config.yaml`, `$XDG_CONFIG_HOME/continuum/config.yaml`, `/etc/continuum/config.yaml`; each also as `.yml` and `.toml`.

**What wins**: the command line (`--bind`, `--log-level`, `--local`, `--set SECTION.KEY=VALUE`), then the environment (`CONTINUUM_SERVER__BIND_ADDRESS=…`), then the file, then the defaults below.

**Values**: a duration is text with a unit (`"500ms"`, `"30s"`, `"5m"`, `"1h"`) or a number of seconds, a size `"10MiB"` or a number of bytes. `${VAR}` and `${VAR:-default}` in the file's strings stand for variables of the environment; `$${` is a literal `${`. Secrets are shown masked, everywhere.

`continuum config init` writes a first file, `continuum config check` tells every fault at once, `continuum config show` what is in force. Keys marked "not in effect yet" are read and kept, and setting one is a warning.
"""

_ZERO = """\
## Without a file

With no configuration file, backends are made from what the machine has: keys in the environment (each with its `…_BASE_URL`, so that no key goes to the wrong house), and servers that answer on loopback (Ollama at 11434, llama.cpp at 8080, vLLM at 8000, LM Studio at 1234). Another Continuum is reported, not used. With the extra `local` installed and nothing else found, a small demonstration model runs on this machine; `--local` uses it alone. What was found, and what was not, is printed to stderr; `continuum config init` writes it down as a file.

Where port 8080 is taken and `server.bind_address` was not given, the next free port is used and printed.
"""

_RELOAD = {
    Reload.IMMEDIATE: "at once, for running requests too",
    Reload.GRADUAL: "for new requests",
    Reload.REQUIRES_RESTART: "after a restart",
}
_KINDS = {("string", "number"): "duration", ("string", "integer"): "size", ("string", "object"): "string or mapping"}
_BOUNDS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"))
_NOT_YET = " *Not in effect yet.*"


def markdown() -> str:
    """The whole reference; the same for the same classes, character for character."""
    return "\n".join([_INTRODUCTION, *_overview(), *_sections(), _ZERO])


def _overview() -> Iterator[str]:
    yield "## Sections\n"
    yield "| section | what it holds | a change takes effect |"
    yield "| --- | --- | --- |"
    for name, info in SECTIONS.items():
        yield f"| [{name}](#{name}) | {info.description} | {_RELOAD[info.reload]} |"
    yield ""


def _sections() -> Iterator[str]:
    schema = json_schema()
    for name, inner in schema["properties"].items():
        yield f"## {name}\n"
        info = SECTIONS.get(name)
        yield f"{inner['description']}{_later((name,))}\n"
        if info is None:
            continue
        yield "| key | type, default | |"
        yield "| --- | --- | --- |"
        start = (name, "*") if info.many else (name,)
        yield from _rows(inner["items"] if info.many else inner, "", start)
        yield ""


def _rows(schema: Mapping[str, Any], prefix: str, path: tuple[str, ...]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, inner in schema["properties"].items():
        here, shown = (*path, name), f"{prefix}{name}"
        default = "required" if name in required else _default(inner)
        kind = ", ".join(part for part in (_kind(inner), default) if part)
        yield f"| `{shown}` | {_cell(kind)} | {_cell(inner['description'])}{_later(here)} |"
        below, mark, step = _below(inner)
        if "properties" in below:
            yield from _rows(below, f"{shown}{mark}.", (*here, *step))


def _below(schema: Mapping[str, Any]) -> tuple[Any, str, tuple[str, ...]]:
    """What stands inside a key: its schema, how a key's name shows that, and the step to it in a path."""
    if "items" in schema:
        return schema["items"], "[]", ("*",)
    if is_mapping(schema.get("additionalProperties")):
        return schema["additionalProperties"], ".NAME", ("*",)
    return schema, "", ()


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("format") == "password":
        return "secret"
    kind = schema["type"]
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    if kind == "object" and "properties" not in schema:
        values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        return f"map of {_kind(next(filter(None, values)))}"
    text = _KINDS[tuple(kind)] if is_list(kind) else "mapping" if kind == "object" else str(kind)
    bounds = "" if is_list(kind) else "".join(f" {sign} {schema[key]}" for key, sign in _BOUNDS if key in schema)
    return text + bounds


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    if default is None or default == {}:
        return ""
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _later(path: tuple[str, ...]) -> str:
    return _NOT_YET if path in LATER else ""
