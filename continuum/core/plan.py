"""What to try for a call, decided before anything is sent: the model, who serves it, and how one of them is chosen.

Looked up, not computed: what follows from configuration and catalog is kept until the catalog differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from continuum.core.group import Group
from continuum.errors import ModelNotFound, NoBackendAvailable
from continuum.selection import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum.backends.backend import Backend
    from continuum.backends.catalog import Served
    from continuum.backends.pool import Pool
    from continuum.config import Routing, Rule

__all__ = ["Plan", "Planner"]

MAX_GROUPS = 10_000
"""Models whose groups are kept. Each stands in the catalog, but a catalog may change for as long as we run."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The model a call resolved to, the name its backends list it by, and who may answer."""

    model: str
    listed: str
    group: Group

    def upstream(self, backend: Backend) -> str:
        """The name by which the backend's server knows the model."""
        return backend.models.get(self.listed, self.listed)


class Planner:
    """Plans calls by one configuration's routing and the pool's catalog. follows: the planner of the configuration
    before, whose turns go on where nothing else has changed.
    """

    def __init__(self, routing: Routing, pool: Pool, *, follows: Planner | None = None) -> None:
        self._routing = routing
        self._catalog = pool.catalog
        self._default = STRATEGIES[routing.selection_strategy]
        self._rules = [_Narrowing(rule, routing, pool.backends) for rule in routing.rules]
        self._plans: dict[str, tuple[Sequence[Served], Plan]] = {}
        self._before: dict[str, Group] = {} if follows is None else follows.groups()

    def plan(self, asked: str) -> Plan:
        """Resolve a model: an alias first, then the catalog whole within the first rule that matches, then
        `backend/model`, which no rule narrows, then a rule alone. Raises ModelNotFound, NoBackendAvailable.
        """
        if self._catalog.empty:
            raise NoBackendAvailable("No backends available")
        aliases = self._routing.aliases
        model = aliases.get(asked, asked)
        served = self._catalog.serving(model)
        known = self._plans.get(model)
        if known is not None and known[0] is served:
            return known[1]
        if served and model in served[0].backend.models:
            return self._whole(model, served, known[1] if known is not None else None)
        backend, _, rest = model.partition("/")
        pinned = f"{backend}/{aliases.get(rest, rest)}"
        if served := self._catalog.serving(pinned):
            group = Group([served[0].backend], self._default, self._routing)
            return Plan(pinned, aliases.get(rest, rest), group)
        rule = self._rule_of(model)
        if rule is None or rule.unlisted is None:
            raise ModelNotFound(f"The model '{asked}' does not exist or no backend serves it", param="model")
        return Plan(model, model, rule.unlisted)

    def groups(self) -> dict[str, Group]:
        """Those in use, and those of before that nobody has asked for since: by models that are still there."""
        found = {**self._before, **{model: plan.group for model, (_, plan) in self._plans.items()}}
        return {model: group for model, group in found.items() if self._catalog.serving(model)}

    def _whole(self, model: str, served: Sequence[Served], known: Plan | None) -> Plan:
        rule = self._rule_of(model)
        members = [each.backend for each in served if rule is None or each.name in rule.names]
        if not members:
            if rule is not None and rule.unlisted is not None:
                return Plan(model, model, rule.unlisted)
            raise NoBackendAvailable("None of the backends that the routing rule names serves this model")
        if known is None:
            row = self._default if rule is None else rule.row
            before = self._before.pop(model, None)
            group = (
                Group(members, row, self._routing) if before is None else before.successor(members, row, self._routing)
            )
            known = Plan(model, model, group)
            if len(self._plans) >= MAX_GROUPS:
                del self._plans[next(iter(self._plans))]
        else:
            known.group.take_over(members)
        self._plans[model] = served, known
        return known

    def _rule_of(self, model: str) -> _Narrowing | None:
        return next((rule for rule in self._rules if fnmatchcase(model, rule.pattern)), None)


class _Narrowing:
    """A rule at work. unlisted: those of its backends whose models nobody wrote down; they are asked for what the
    pattern matches even where their servers do not list it. None where there is no such backend.
    """

    def __init__(self, rule: Rule, routing: Routing, backends: Sequence[Backend]) -> None:
        self.pattern = rule.match
        self.names = frozenset(rule.backends)
        self.row = STRATEGIES[rule.strategy or routing.selection_strategy]
        named = [backend for backend in backends if backend.name in self.names and backend.config.enabled]
        unlisted = [backend for backend in named if not backend.config.entries]
        self.unlisted = Group(unlisted, self.row, routing) if unlisted else None
