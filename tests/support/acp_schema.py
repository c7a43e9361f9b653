"""Every message of ours held to each schema there is, and nothing in it may be unknown: the Python SDK's models, the
JSON Schemas that the Node packages ship (in CI they are installed), and those we generate.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from acp import schema
from closed_schema import closed_schemas
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "tests/node/node_modules"
OFFICIAL = (
    PACKAGES / "@agentclientprotocol/sdk/schema/v1/schema.unstable.json",  # the Node SDK's
    PACKAGES / "acpx/node_modules/@agentclientprotocol/sdk/schema/schema.json",  # of the older one that acpx brings
)
OUR_RESULTS, OUR_CALLS = (ROOT / "schemas/acp" / f"{name}.schema.json" for name in ("results", "calls"))

RESULTS: Mapping[str, type[BaseModel]] = {
    "initialize": schema.InitializeResponse,
    "authenticate": schema.AuthenticateResponse,
    "session/new": schema.NewSessionResponse,
    "logout": schema.LogoutResponse,
    "session/load": schema.LoadSessionResponse,
    "session/resume": schema.ResumeSessionResponse,
    "session/fork": schema.ForkSessionResponse,
    "session/list": schema.ListSessionsResponse,
    "session/close": schema.CloseSessionResponse,
    "session/delete": schema.DeleteSessionResponse,
    "session/set_mode": schema.SetSessionModeResponse,
    "session/prompt": schema.PromptResponse,
    "session/set_config_option": schema.SetSessionConfigOptionResponse,
    "providers/list": schema.ListProvidersResponse,
    "providers/set": schema.SetProviderResponse,
    "providers/disable": schema.DisableProviderResponse,
}
CALLS: Mapping[str, type[BaseModel]] = {
    "session/update": schema.SessionNotification,
    "session/request_permission": schema.RequestPermissionRequest,
    "fs/read_text_file": schema.ReadTextFileRequest,
    "fs/write_text_file": schema.WriteTextFileRequest,
    "terminal/create": schema.CreateTerminalRequest,
    "terminal/output": schema.TerminalOutputRequest,
    "terminal/wait_for_exit": schema.WaitForTerminalExitRequest,
    "terminal/kill": schema.KillTerminalRequest,
    "terminal/release": schema.ReleaseTerminalRequest,
}


Check = Callable[[Any], None]


def hold_to_schema(message: Mapping[str, Any], methods: Mapping[Any, str]) -> None:
    """Raise for a message that is not right. methods: of the requests that were sent to us, by id; "" where an id was
    used twice, so that any result will do.
    """
    assert message["jsonrpc"] == "2.0"
    if "method" in message:
        assert message.keys() - {"id"} == {"jsonrpc", "method", "params"}
        method, raw = message["method"], message["params"]
        checks = [*official(CALLS[method]), generated(OUR_CALLS, method)]
    elif "result" in message:
        assert message.keys() == {"jsonrpc", "id", "result"}
        method, raw = methods[message["id"]], message["result"]
        checks = [generated(OUR_RESULTS, method)] if method else []
        if method in RESULTS:
            standard = {**raw, "agentCapabilities": nested(raw)} if method == "initialize" else raw
            for check in official(RESULTS[method]):
                check(standard)
    else:
        assert message.keys() == {"jsonrpc", "id", "error"}
        raw, checks = message["error"], official(schema.Error)
    for check in checks:
        check(raw)


def hold_lines(received: Iterable[bytes], sent: Iterable[bytes]) -> int:
    """The same for all lines that an agent wrote to a client that wrote `sent`, faulty lines included; how many."""
    methods: dict[Any, str] = {}
    for line in sent:
        try:
            message = json.loads(line)
            ident = message["id"]
            methods[ident] = "" if ident in methods else message["method"]
        except (ValueError, RecursionError, TypeError, KeyError):
            continue  # no request
    messages = [json.loads(line) for line in received]
    for message in messages:
        hold_to_schema(message, methods)
    return len(messages)


def hold_tapped(folder: Path) -> int:
    """The same for every agent whose lines acp_tap.py kept; how many messages there were."""
    runs = [(path.read_bytes(), path.with_suffix(".sent").read_bytes()) for path in folder.glob("*.received")]
    return sum(hold_lines(received.splitlines(), sent.splitlines()) for received, sent in runs)


def nested(initialized: Mapping[str, Any]) -> dict[str, Any]:
    """The capabilities without the flat key for clients of before the nested form, which is no part of the protocol."""
    return {key: value for key, value in initialized["agentCapabilities"].items() if key != "mcp"}


@cache
def official(model: type[BaseModel]) -> list[Check]:
    """What the packages say of one kind of message."""
    files = [closed_schemas(path) for path in OFFICIAL if path.exists()]
    return [unmended(model), *(schemas.check("$defs", model.__name__) for schemas in files)]


@cache
def generated(file: Path, method: str) -> Check:
    """What our own schema says of a method."""
    return closed_schemas(file).check("properties", method)


def unmended(model: type[BaseModel]) -> Check:
    """It parses, and is the same again when it is written."""

    def check(raw: Any) -> None:
        assert model.model_validate(raw).model_dump(mode="json", by_alias=True, exclude_unset=True) == raw

    return check
