"""What is written for editors: settings that parse, the registry's entry, schemas of what is understood and sent."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from acp_schema import CALLS, OFFICIAL, OUR_CALLS, PACKAGES, RESULTS, generated, hold_to_schema, official
from closed_schema import closed_schemas

from continuum.acp.methods.initialize import answer
from continuum.acp.router import METHODS
from continuum.acp.schema import PARAMS, json_schema
from continuum.acp.sent import requests, results, updates
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


def test_every_result_and_every_call_has_its_schema(checkout: Path) -> None:
    assert set(results.RESULTS) == {method.name for method in METHODS if not method.notification}
    assert set(results.RESULTS) == {*RESULTS, "session/set_model"}  # which the protocol has no more
    assert set(updates.NOTIFICATIONS) | set(requests.REQUESTS) == set(CALLS)
    for name, shapes in (
        ("results", results.RESULTS),
        ("calls", {**updates.NOTIFICATIONS, **requests.REQUESTS}),
    ):
        schema = json.loads((checkout / "schemas/acp" / f"{name}.schema.json").read_bytes())
        assert set(schema["properties"]) == set(shapes)


CHUNK: dict[str, object] = {
    "sessionUpdate": "agent_message_chunk",
    "content": {"type": "text", "text": "hi"},
    "messageId": "1",
}
OPTION: dict[str, object] = {"optionId": "a", "kind": "allow_once", "name": "Allow"}
CALL: dict[str, object] = {
    "toolCallId": "c",
    "title": "t",
    "kind": "read",
    "status": "pending",
    "rawInput": {"any": 1},
    "content": list[object](),
}


def told(update: object) -> dict[str, object]:
    return {"sessionId": "s", "update": update}


@pytest.mark.parametrize(
    ("method", "right", "wrong"),
    [
        ("session/update", told(CHUNK), {**told(CHUNK), "more": 1}),
        ("session/update", told(CHUNK), told({**CHUNK, "more": 1})),
        ("session/update", told(CHUNK), told({**CHUNK, "content": {"type": "text", "text": "hi", "more": 1}})),
        ("session/update", told(CHUNK), told({**CHUNK, "content": {"type": "text", "text": 1}})),
        ("session/update", told(CHUNK), told({**CHUNK, "sessionUpdate": "agent_speech"})),
        (
            "session/request_permission",
            {"sessionId": "s", "toolCall": CALL, "options": [OPTION]},
            {"sessionId": "s", "toolCall": CALL, "options": [{**OPTION, "kind": "allow"}]},
        ),
    ],
)
def test_each_schema_refuses_what_is_wrong(method: str, right: dict[str, object], wrong: dict[str, object]) -> None:
    checks = [*official(CALLS[method]), generated(OUR_CALLS, method)]
    assert len(checks) == 2 + sum(path.exists() for path in OFFICIAL)
    for check in checks:
        check(right)
        with pytest.raises((AssertionError, ValueError)):
            check(wrong)


def test_a_promise_that_the_protocol_does_not_know_is_caught() -> None:
    hello: dict[str, Any] = {**answer({"protocolVersion": 1})}
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "result": hello}
    hold_to_schema(message, {1: "initialize"})
    hello["agentCapabilities"] = {**hello["agentCapabilities"], "magic": True}
    with pytest.raises(AssertionError):
        hold_to_schema(message, {1: "initialize"})


@pytest.mark.node
@pytest.mark.parametrize("path", OFFICIAL, ids=["sdk", "acpx"])
def test_the_packages_ship_their_schemas(path: Path) -> None:
    if not PACKAGES.exists():
        pytest.skip("the packages of tests/node are not installed (npm ci)")
    closed_schemas(path).check("$defs", "SessionNotification")(told(CHUNK))
