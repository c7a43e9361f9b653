"""What the user can choose for a session, as the client shows it: the model, the mode, how much the model thinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from .jsonrpc import INVALID_PARAMS, RpcError
from .modes import MODES, mode_state
from .sent.results import ConfigChoice, ConfigOption, Picked
from .session import Session

if TYPE_CHECKING:
    from .client import Client

__all__ = ["LEVELS", "config_options", "picked", "set_config_option", "tell_choices"]

MODEL: Final = "model"
MODE: Final = "mode"
LEVEL: Final = "thought_level"
_OWN_LEVEL: Final = "default"
LEVELS: Final = ("minimal", "low", "medium", "high")
"""What a request's reasoning effort can be; none of them is the model's own."""


def config_options(session: Session) -> list[ConfigOption]:
    """The full state, as every answer that carries it must."""
    options: list[ConfigOption] = []
    current = session.model
    if current is not None:
        names = [model.id for model in session.host.models()]
        if current not in names:  # a picker whose value is none of its options breaks in some clients
            names.insert(0, current)
        options.append(_select(MODEL, "Model", current, [(name, name, "") for name in names]))
    modes = [(ident, name, text) for ident, (name, text) in MODES.items()]
    levels = [(_OWN_LEVEL, "Default", "As the model does by itself")]
    levels += [(level, level.capitalize(), "") for level in LEVELS]
    options.append(_select(MODE, "Mode", session.mode, modes))
    options.append(_select(LEVEL, "Thinking", session.thought_level or _OWN_LEVEL, levels))
    return options


def _select(ident: str, name: str, current: str, choices: Sequence[tuple[str, str, str]]) -> ConfigOption:
    """A select; its id is also its category, as the protocol spells that."""
    options = [_choice(*choice) for choice in choices]
    return {"id": ident, "name": name, "category": ident, "type": "select", "currentValue": current, "options": options}


def _choice(value: str, name: str, description: str) -> ConfigChoice:
    choice: ConfigChoice = {"value": value, "name": name}
    if description:
        choice["description"] = description
    return choice


def picked(session: Session) -> Picked:
    """What session/new and its kin answer beside the id: options, and the modes for clients that know only those."""
    return {"modes": mode_state(session.mode), "configOptions": config_options(session)}


def set_config_option(session: Session, ident: str, value: object) -> None:
    """Set one option. RpcError -32602: there is no such option, or no such value of it."""
    options = {option["id"]: option for option in config_options(session)}
    if ident not in options:
        raise RpcError(INVALID_PARAMS, f"Invalid params: configId: no option {ident[:256]!r}")
    if value not in [choice["value"] for choice in options[ident]["options"]]:
        raise RpcError(INVALID_PARAMS, f"Invalid params: value: not among the options of {ident!r}")
    _SETTERS[ident](session, str(value))


def _set_model(session: Session, value: str) -> None:
    session.chosen_model = value


def _set_mode(session: Session, value: str) -> None:
    session.mode = next(mode for mode in MODES if mode == value)


def _set_level(session: Session, value: str) -> None:
    session.thought_level = "" if value == _OWN_LEVEL else value


_SETTERS: Final[dict[str, Callable[[Session, str], None]]] = {
    MODEL: _set_model,
    MODE: _set_mode,
    LEVEL: _set_level,
}


async def tell_choices(client: Client, session: Session, *, mode: bool) -> None:
    """Tell the client what changed by another way than its answer shows. mode: the mode is what changed."""
    if mode:
        await client.update(session.id, {"sessionUpdate": "current_mode_update", "currentModeId": session.mode})
    await client.update(session.id, {"sessionUpdate": "config_option_update", "configOptions": config_options(session)})
