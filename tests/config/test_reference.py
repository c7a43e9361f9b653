"""docs/configuration.md, `continuum config docs`: every key of every section, and nothing that breaks a table."""

import re
from pathlib import Path

from continuum.config import SECTIONS, json_schema, markdown
from continuum.config.later import LATER

CELL = re.compile(r"(?<!\\)\|")


def test_every_section_in_order() -> None:
    headings = re.findall(r"^## (\w+)$", markdown(), re.MULTILINE)
    assert [name for name in headings if name in SECTIONS] == list(SECTIONS)
    assert list(json_schema()["properties"]) == [name for name in headings if name != "Sections"]


def test_tables_are_whole() -> None:
    for line in markdown().splitlines():
        if line.startswith("|"):
            assert len(CELL.findall(line)) == 4, line


def test_rows_say_type_default_and_meaning() -> None:
    text = markdown()
    assert '| `bind_address` | string, `"127.0.0.1:8080"` | Where to listen: host:port' in text
    assert '| `max_request_body` | size, `"32MiB"` |' in text
    assert "| `limits.global.max_in_flight` | integer ≥ 1 | Concurrent requests. |" in text
    assert "| `name` | string, required | Unique name" in text
    assert "| `models[].upstream` | string |" in text
    assert "| `fallback_chains` | map of list of string |" in text
    assert "| `backends.NAME.prompt_file` | string |" in text
    assert '| `storage` | `memory` or `redis`, `"memory"` |' in text


def test_what_is_not_in_effect_is_marked() -> None:
    assert markdown().count("*Not in effect yet.*") == len(LATER)


def test_it_is_the_committed_one(checkout: Path) -> None:
    assert (checkout / "docs/configuration.md").read_text(encoding="utf-8") == markdown()
