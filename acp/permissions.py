"""Whether a tool call may happen: by rule where there is one, else the user is asked. All but a clear yes is no."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from .client import Client
from .jsonrpc import RpcError, is_object
from .sent.requests import REQUEST_PERMISSION, OptionKind, PermissionOption, PermissionRequest
from .sent.updates import ToolCall, ToolKind
from .tools.base import Action

if TYPE_CHECKING:
    from continuum.config.sections.acp import Permissions

__all__ = ["Grants", "Mode", "Verdict", "ask", "decide", "offered_in"]

Mode = Literal["ask", "auto_edit", "read_only", "yolo"]
"""How much a session's tools may do unasked."""

Verdict = Literal["allow", "ask", "refuse"]

_HARMLESS: Final = frozenset({"read", "search", "think"})
_UNASKED_IN_AUTO_EDIT: Final = frozenset({"edit", "move"})
_BY_POLICY: Final[dict[str, Verdict]] = {"ask_always": "ask", "allow": "allow", "deny": "refuse"}


@dataclass(slots=True)
class Grants:
    """What the user settled for the rest of the session: exact actions, never more than was shown."""

    allowed: set[str] = field(default_factory=set[str])
    rejected: set[str] = field(default_factory=set[str])


def offered_in(mode: Mode, kind: ToolKind) -> bool:
    """Whether tools of this kind are offered at all: where they would be refused anyway, models need not try."""
    return mode != "read_only" or kind in _HARMLESS


def decide(section: Permissions, mode: Mode, kind: ToolKind, action: Action, grants: Grants) -> Verdict:
    """What happens to an action whose targets are already known to lie inside the roots."""
    if mode == "read_only":
        return "allow" if kind in _HARMLESS else "refuse"
    if mode == "yolo":
        return "allow"
    if action.grant in grants.rejected:
        return "refuse"
    verdict = _by_kind(section, mode, kind)
    if verdict == "refuse":
        return verdict
    if action.compound:  # a shell reads it: no rule knows what it will do
        return "ask"
    return "allow" if action.grant in grants.allowed else verdict


def _by_kind(section: Permissions, mode: Mode, kind: ToolKind) -> Verdict:
    if mode == "auto_edit" and kind in _UNASKED_IN_AUTO_EDIT:
        return "allow"
    if kind in section.always_ask:
        return "ask"
    if kind in section.auto_allow:
        return "allow"
    return _BY_POLICY[section.default_policy]


async def ask(client: Client, session_id: str, tool_call: ToolCall, action: Action, grants: Grants) -> bool:
    """Whether the user allows it; an "always" is noted. An error, a cancelled or unknown outcome, none at all: no."""
    options = _options(action)
    params: PermissionRequest = {"sessionId": session_id, "toolCall": tool_call, "options": options}
    try:
        outcome = (await client.request(REQUEST_PERMISSION, params)).get("outcome")
    except RpcError:
        return False
    if not is_object(outcome) or outcome.get("outcome") != "selected":
        return False
    kinds = {option["optionId"]: option["kind"] for option in options}
    chosen = outcome.get("optionId")
    match kinds.get(chosen) if isinstance(chosen, str) else None:
        case "allow_once":
            return True
        case "allow_always":
            grants.allowed.add(action.grant)
            return True
        case "reject_always":
            grants.rejected.add(action.grant)
            return False
        case _:
            return False


def _options(action: Action) -> list[PermissionOption]:
    what = action.grant_title or action.title
    names: dict[OptionKind, str] = {"allow_once": "Allow", "reject_once": "Reject"}
    if not action.compound:
        names = {
            "allow_once": "Allow",
            "allow_always": f"Always allow: {what}",
            "reject_once": "Reject",
            "reject_always": f"Always reject: {what}",
        }
    return [{"optionId": kind, "kind": kind, "name": name} for kind, name in names.items()]
