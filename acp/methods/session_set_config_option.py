"""session/set_config_option: the user picks in one of the session's selectors."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..config_options import MODE, config_options, set_config_option
from ..inbound import Inbound
from ..schema import SetConfigOption, read_params
from ..sent.results import OptionsState
from ..session import Session

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[OptionsState]:
    """Set it for the turns to come; the answer is every option's full state."""
    params = read_params(SetConfigOption, call.params)
    table, session = agent.opened(params.session_id)
    before = session.mode
    set_config_option(session, params.config_id, params.value)
    table.keep(session)
    return _answer(agent, session, mode_changed=params.config_id == MODE and session.mode != before)


async def _answer(agent: Agent, session: Session, *, mode_changed: bool) -> OptionsState:
    if mode_changed:
        await agent.client.update(session.id, {"sessionUpdate": "current_mode_update", "currentModeId": session.mode})
    return {"configOptions": config_options(session)}
