"""The accounts of one router: each call's end becomes statistics and metrics, here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from continuum.chat import Operation
from continuum.metrics import Limits, instruments
from continuum.runtime.statistics import Statistics

if TYPE_CHECKING:
    from continuum.config import Metrics
    from continuum.config.facts import Facts
    from continuum.config.ledger import Deed
    from continuum.core import Ending
    from continuum.metrics import Meter

__all__ = ["Accounting"]

_OPERATIONS: Mapping[Operation, str] = {
    Operation.CHAT: "chat",
    Operation.COMPLETION: "text_completion",
    Operation.EMBEDDING: "embeddings",
}
"""Their names in OpenTelemetry's GenAI conventions."""


class Accounting:
    """Satisfies the engine's `Accounts`. in_flight: calls that have begun and not ended. facts: which prices hold."""

    def __init__(self, section: Metrics, meter: Meter, facts: Facts) -> None:
        self.meter = meter
        self.facts = facts
        self.statistics = Statistics()
        self.in_flight = 0
        self.retune(section)

    def retune(self, section: Metrics) -> None:
        """Go by this section from now on."""
        limit = section.cardinality_limit
        limits = Limits(sets=limit.max_labels_per_metric, values=limit.max_unique_label_values)
        self.meter.retune(limits, enabled=section.enabled)

    def changed(self, deed: Deed) -> None:
        """The configuration was changed; called in a thread, by the store."""
        self.meter.count(instruments.CHANGES, deed.source)

    def begin(self) -> None:
        """A call has come."""
        self.in_flight += 1

    def end(self, ending: Ending) -> float | None:
        """It has ended. What it cost in US dollars, None where that is not known."""
        self.in_flight -= 1
        usage = ending.usage
        cost = None if usage is None else self.facts.cost(usage, ending.upstream_model, ending.model)
        self.statistics.record(ending, cost)
        if self.meter.enabled:
            self._measure(ending, cost)
        return cost

    def _measure(self, ending: Ending, cost: float | None) -> None:
        meter, call = self.meter, ending.call
        operation, model = _OPERATIONS[call.operation], ending.model or ""
        result = "cancelled" if ending.cancelled is not None else ending.error or "ok"
        meter.count(instruments.CALLS, operation, model, result)
        meter.observe(instruments.DURATION, ending.total, operation, model, ending.error or "")
        if ending.cancelled is not None:
            meter.count(instruments.CANCELLED, ending.cancelled)
        if ending.attempts > 1:
            meter.count(instruments.RETRIES, model, by=ending.attempts - 1)
        if ending.fallback is not None:
            fallen = ending.fallback
            meter.count(instruments.FALLBACKS, fallen.original, fallen.model, fallen.reason)
        if call.stream and ending.ttft is not None:
            meter.observe(instruments.TTFT, ending.ttft, operation, model)
        if ending.usage is not None:
            self._measure_usage(ending, operation, model)
            self._measure_cost(ending, cost, model)
        if call.principal.key_id is not None:
            meter.count(instruments.KEY_CALLS, call.principal.key_id)

    def _measure_usage(self, ending: Ending, operation: str, model: str) -> None:
        meter, usage, key = self.meter, ending.usage, ending.call.principal.key_id
        if usage is None:
            return
        backend = "" if ending.backend is None else ending.backend.name
        for kind, tokens in (
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("cached", usage.cached_tokens),
            ("reasoning", usage.reasoning_tokens),
        ):
            if tokens:
                meter.count(instruments.TOKENS, model, backend, kind, by=tokens)
                if key is not None:
                    meter.count(instruments.KEY_TOKENS, key, kind, by=tokens)
        meter.observe(instruments.USAGE, usage.input_tokens, operation, model, "input")
        meter.observe(instruments.USAGE, usage.output_tokens, operation, model, "output")
        if ending.call.stream and ending.ttft is not None and usage.output_tokens > 1:
            pace = (ending.total - ending.ttft) / (usage.output_tokens - 1)
            meter.observe(instruments.PER_TOKEN, pace, operation, model)

    def _measure_cost(self, ending: Ending, cost: float | None, model: str) -> None:
        meter, key = self.meter, ending.call.principal.key_id
        backend = "" if ending.backend is None else ending.backend.name
        if cost is None:
            meter.count(instruments.UNPRICED, model, backend)
            return
        meter.count(instruments.COST, model, backend, by=cost)
        if key is not None:
            meter.count(instruments.KEY_COST, key, by=cost)
