"""Writes the committed files that are made from the code; with --check only tells which of them are out of date."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from continuum import config
from continuum.acp import schema as requests
from continuum.acp.sent.requests import REQUESTS
from continuum.acp.sent.results import RESULTS
from continuum.acp.sent.updates import NOTIFICATIONS
from continuum.cli import reference
from continuum.http.admin.openapi import document
from continuum.http.admin.shapes import schema_of

ROOT = Path(__file__).resolve().parents[1]


def configuration_schema() -> str:
    return json.dumps(config.json_schema(), indent=2, ensure_ascii=False) + "\n"


def requests_schema() -> str:
    return json.dumps(requests.json_schema(), indent=2, ensure_ascii=False) + "\n"


def results_schema() -> str:
    return sent_schema("Results that the ACP agent answers, by method", RESULTS)


def calls_schema() -> str:
    title = "Params of what the ACP agent tells its client and asks it for, by method"
    return sent_schema(title, {**NOTIFICATIONS, **REQUESTS})


def sent_schema(title: str, shapes: Mapping[str, type]) -> str:
    definitions: dict[str, Any] = {}
    properties = {method: schema_of(shape, definitions, "#/$defs/{}") for method, shape in shapes.items()}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
        "$defs": dict(sorted(definitions.items())),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def openapi() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


GENERATED: Mapping[str, Callable[[], str]] = {
    "docs/cli.md": reference.markdown,
    "docs/configuration.md": config.markdown,
    "schemas/acp/calls.schema.json": calls_schema,
    "schemas/acp/requests.schema.json": requests_schema,
    "schemas/acp/results.schema.json": results_schema,
    "schemas/config.schema.json": configuration_schema,
    "schemas/openapi.json": openapi,
}


def main(arguments: list[str]) -> int:
    """Write, or compare; 1 when a comparison fails."""
    stale: list[str] = []
    for name, make in GENERATED.items():
        path, text = ROOT / name, make()
        current = path.read_text(encoding="utf-8") if path.exists() else ""
        if current == text:
            continue
        if "--check" in arguments:
            stale.append(name)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    for name in stale:
        print(f"{name} is out of date: run scripts/generate.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
