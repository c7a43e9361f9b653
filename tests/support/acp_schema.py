"""The official schema, as the Python SDK ships it, held against every message of ours."""

from collections.abc import Mapping
from typing import Any

from acp import schema
from pydantic import BaseModel

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


def hold_to_schema(message: Mapping[str, Any], methods: Mapping[Any, str]) -> None:
    """It parses, and nothing in it is unknown or mended. methods: of the requests that were sent to us, by id."""
    if "method" in message:
        raw, model = message["params"], CALLS[message["method"]]
    elif "result" in message:
        raw, model = message["result"], RESULTS[methods[message["id"]]]
    else:
        raw, model = message["error"], schema.Error
    if "agentCapabilities" in raw:  # with one key for clients of before the nested form
        nested = {key: value for key, value in raw["agentCapabilities"].items() if key != "mcp"}
        raw = {**raw, "agentCapabilities": nested}
    parsed = model.model_validate(raw)
    assert parsed.model_dump(mode="json", by_alias=True, exclude_unset=True) == raw
