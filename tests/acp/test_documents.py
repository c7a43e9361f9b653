"""What is written for editors: settings that parse, the registry's entry, and schemas that say what is understood."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from continuum.acp.router import METHODS
from continuum.acp.schema import PARAMS, json_schema
from continuum.version import VERSION


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_settings_of_editors_parse(checkout: Path) -> None:
    text = (checkout / "docs/acp.md").read_text("utf-8")
    settings: list[dict[str, Any]] = [json.loads(block) for block in blocks(text, "json")]
    assert [set(each["agent_servers"]) for each in settings] == [{"Continuum"}] * 2
    for block in blocks(text, "python"):
        compile(block, "docs/acp.md", "exec")
    for language in ("lua", "elisp"):
        for block in blocks(text, language):
            for pair in ("()", "{}"):
                assert block.count(pair[0]) == block.count(pair[1])


def test_the_registrys_entry(checkout: Path) -> None:
    folder = checkout / "docs/acp-registry"
    entry = json.loads((folder / "agent.json").read_text("utf-8"))
    assert {"id", "name", "version", "description", "distribution", "license_url"} <= entry.keys()
    assert re.fullmatch(r"[a-z][a-z0-9-]*", entry["id"])
    assert entry["version"] == VERSION
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]
    package, _, version = entry["distribution"]["uvx"]["package"].partition("==")
    assert (package, version) == (project["name"], VERSION)
    assert package in project["scripts"]  # uvx runs the executable named like the package
    icon = ET.parse(folder / "icon.svg").getroot()  # noqa: S314 (our own file)
    assert (icon.get("width"), icon.get("height")) == ("16", "16")
    colours = {each.get(name) for each in icon.iter() for name in ("fill", "stroke")}
    assert colours <= {"none", "currentColor", None}


# Methods without params of their own, and the one that is read before anything is imported.
BARE = {"initialize", "authenticate", "logout", "$/cancel_request", "providers/list"}


def test_every_method_has_its_schema() -> None:
    assert set(PARAMS) | BARE == {method.name for method in METHODS}
    schema = json_schema()
    assert set(schema["properties"]) == set(PARAMS)
    assert set(schema["$defs"]["OpenSession"]["required"]) == {"cwd", "sessionId"}


@pytest.mark.parametrize("method", PARAMS)
def test_what_the_schema_requires_is_required(method: str) -> None:
    required = json_schema()["$defs"][PARAMS[method].__name__].get("required", [])
    if required:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({}, PARAMS[method])
    else:
        msgspec.convert({}, PARAMS[method])
