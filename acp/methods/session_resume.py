"""session/resume: opens a stored conversation whose past the client shows itself, or not at all."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..inbound import Inbound
from ..opening import reopened
from ..sent.results import Picked

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[Picked]:
    """Nothing is shown again."""
    return reopened(agent, call, show_again=False)
