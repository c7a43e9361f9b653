"""The one door to the backends: plan, choose, try, and try elsewhere while nothing was passed on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from continuum.chat import Operation
from continuum.core.contents import Contents
from continuum.core.ending import Ending
from continuum.core.fallback import Chains, Fallen
from continuum.core.patience import Patience
from continuum.core.plan import Planner
from continuum.core.reply import Reply
from continuum.core.screen import Screen
from continuum.core.target import Target
from continuum.errors import ContinuumError, InternalError, PermissionDenied
from continuum.resilience.retry import Retries, Tries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum.backends.pool import Pool
    from continuum.chat import GlobalPrompt
    from continuum.config import Config
    from continuum.core.call import Call
    from continuum.core.ending import Accounts
    from continuum.core.limits import Limits, Ticket
    from continuum.prompts import Prompts

__all__ = ["Engine"]


class Engine:
    """Answers calls with the backends of one pool. limits: what callers, models and backends may use. prompts: what is
    put into chats. accounts: who is told of each call. contents: what of them is logged. follows: whose retries,
    contents and turns it goes on with.
    """

    def __init__(
        self,
        config: Config,
        pool: Pool,
        limits: Limits,
        prompts: Prompts,
        accounts: Accounts,
        *,
        follows: Engine | None = None,
    ) -> None:
        self._limits = limits
        self._prompts = prompts
        self._aliases = config.routing.aliases
        self._accounts = accounts
        self.contents: Contents = Contents(wanted=config.logging.log_prompts) if follows is None else follows.contents
        self.retries: Retries = Retries(config.retry) if follows is None else follows.retries
        self._timeouts = config.timeouts
        self._chains = Chains(config.fallback, config.routing.aliases)
        self.planner: Planner = Planner(config.routing, pool, follows=None if follows is None else follows.planner)
        self._screen = Screen(pool.availability, panic_threshold=config.health_checks.panic_threshold)

    async def open(self, call: Call) -> Reply:
        """The reply, once its first content or the whole of it is here. Raises ContinuumError."""
        began = trio.current_time()
        self._accounts.begin()
        call.record = self.contents.record(call.request_id)
        try:
            ticket = await self._limits.admit(call, self._longest_prompt(call))
            try:
                reply = await self._open_any(call, ticket)
            except BaseException as fault:
                ticket.abandon(fault)
                raise
        except BaseException as fault:
            self._accounts.end(self._unanswered(call, began, fault))
            raise
        reply.answers(call, began, self._accounts)
        return reply

    def _longest_prompt(self, call: Call) -> GlobalPrompt | None:
        """What a call may get at most: which prompt it is, its backend decides."""
        if call.operation is not Operation.CHAT:
            return None
        return self._prompts.longest(call.model, self._aliases.get(call.model, call.model))

    def _unanswered(self, call: Call, began: float, fault: BaseException) -> Ending:
        """How a call ended that has no reply."""
        try:
            model = self.planner.plan(call.model).listed
        except ContinuumError:
            model = None
        ending = Ending(call, model, trio.current_time() - began)
        if isinstance(fault, ContinuumError):
            ending.error, ending.attempts = type(fault).code, _attempts(fault)
        elif isinstance(fault, trio.Cancelled):
            ending.cancelled = "before_content" if call.stream else "unstreamed"
        else:
            ending.error = InternalError.code
        return ending

    async def _open_any(self, call: Call, ticket: Ticket) -> Reply:
        """The reply of the model asked for, else of one of its chain."""
        callers_by = math.inf if call.timeout is None else trio.current_time() + call.timeout
        try:
            return await self._open(call, ticket, callers_by)
        except ContinuumError as fault:
            models, reason = self._chains.after(call.model), self._chains.reason(fault)
            reply = await self._fall_back(call, ticket, callers_by, fault, models) if models and reason else None
            if reply is None:
                raise
            return reply

    async def _fall_back(
        self, call: Call, ticket: Ticket, callers_by: float, first: ContinuumError, models: Sequence[str]
    ) -> Reply | None:
        """The reply of another model; None where none gives one."""
        chains, fault = self._chains, first
        attempts, tried = _attempts(first), 0
        for model in models:
            if tried >= chains.limit or chains.reason(fault) is None:
                break
            try:
                tried += 1
                other = call.redirected(model, keep_parameters=chains.keeps_parameters)
                reply = await self._open(other, ticket, callers_by)
            except PermissionDenied:
                tried -= 1  # what the caller's key may not use is not there for it
            except ContinuumError as another:
                fault = another
                attempts += _attempts(another)
            else:
                reply.attempts += attempts
                reply.fallback = Fallen(call.model, model, chains.reason(first) or "", tried)
                return reply
        return None

    async def _open(self, call: Call, ticket: Ticket, callers_by: float) -> Reply:
        """The reply of one model."""
        now = trio.current_time()
        plan = self.planner.plan(call.model)
        call.principal.need_model(plan.listed)
        await ticket.take_model(plan.listed)
        patience = Patience(self._timeouts.of(plan.listed), stream=call.stream, callers_by=callers_by, now=now)
        tries = Tries(self.retries)
        tries.begin()
        try:
            target = Target(call, plan, ticket, self._screen, self._prompts, tries=tries, patience=patience)
            attempt = await target.open()
        except BaseException:
            tries.end()
            raise
        return Reply(call, attempt, tries, ticket, plan)


def _attempts(fault: ContinuumError) -> int:
    """How many a failure took."""
    made = fault.details.get("attempts")
    return made if isinstance(made, int) else 0
