"""session/prompt: one turn of a conversation; on a busy session it waits for the turns before it."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..content import user_message
from ..inbound import Inbound
from ..prompting import Prompted, answer_prompt
from ..schema import Prompt, read_params
from ..sent.results import PromptAnswer

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[PromptAnswer]:
    """Queue the turn now, so that a cancel on the very next line finds it."""
    params = read_params(Prompt, call.params)
    table, session = agent.opened(params.session_id)
    prompt = Prompted(user_message(params.prompt), call.params["prompt"])
    call.if_cancelled = {"stopReason": "cancelled"}
    session.prompts.append(call)
    return answer_prompt(table, session, agent.client, prompt, call)
