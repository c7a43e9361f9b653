"""A session's selectors as the client shows them. Only the model for now; mode and thought level belong here too."""

from __future__ import annotations

from typing import Final

from .jsonrpc import INVALID_PARAMS, JsonObject, RpcError
from .session import Session

__all__ = ["config_options", "set_config_option"]

_MODEL: Final = "model"


def config_options(session: Session) -> list[JsonObject]:
    """The full state, as every answer that carries it must."""
    current = session.model
    if current is None:
        return []
    names = [model.id for model in session.host.models()]
    if current not in names:  # a picker whose value is none of its options breaks in some clients
        names.insert(0, current)
    return [
        {
            "id": _MODEL,
            "name": "Model",
            "category": "model",
            "type": "select",
            "currentValue": current,
            "options": [{"value": name, "name": name} for name in names],
        }
    ]


def set_config_option(session: Session, ident: str, value: object) -> None:
    """Set one option. RpcError -32602: there is no such option, or no such value of it."""
    options = {option["id"]: option for option in config_options(session)}
    if ident not in options:
        raise RpcError(INVALID_PARAMS, f"Invalid params: configId: no option {ident[:256]!r}")
    if value not in [choice["value"] for choice in options[ident]["options"]]:
        raise RpcError(INVALID_PARAMS, f"Invalid params: value: not among the options of {ident!r}")
    session.chosen_model = str(value)
