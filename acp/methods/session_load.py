"""session/load: opens a stored conversation and shows it again from its beginning."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..inbound import Inbound
from ..opening import reopened
from ..sent.results import Picked

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[Picked]:
    """Everything that was shown comes before the answer."""
    return reopened(agent, call, show_again=True)
