"""Fallback chains: which failures of a model lead to which other models, and what is told of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from continuum.errors import (
    AttemptsExhausted,
    AttemptsTimedOut,
    CallerError,
    CircuitOpen,
    ConnectFailed,
    DeadlinePassed,
    ModelNotFound,
    RateLimited,
    UpstreamRejected,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum.config import Fallback
    from continuum.errors import ContinuumError

__all__ = ["Chains", "Fallen"]

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Fallen:
    """An answer that another model gave. original: the model that was asked for. model: who answers, by the name in
    the chain. reason: why the original could not. attempts: models of the chain that were tried.
    """

    original: str
    model: str
    reason: str
    attempts: int


class Chains:
    """The chains of one configuration."""

    def __init__(self, section: Fallback, aliases: Mapping[str, str]) -> None:
        self._chains = section.fallback_chains if section.enabled else {}
        self._policy = section.fallback_policy
        self._aliases = aliases

    @property
    def limit(self) -> int:
        """Models of a chain that are tried at most."""
        return self._policy.max_fallback_attempts

    @property
    def keeps_parameters(self) -> bool:
        """Whether the request goes on with all its parameters."""
        return self._policy.preserve_parameters

    def after(self, model: str) -> Sequence[str]:
        """The models to try when this one cannot answer: its own chain, else that of the model it is an alias of."""
        if not self._chains:
            return ()
        return self._chains.get(model) or self._chains.get(self._aliases.get(model, model)) or ()

    def reason(self, fault: ContinuumError) -> str | None:
        """Why this failure leads to the next model; None where it does not."""
        conditions = self._policy.trigger_conditions
        for matches, wanted, name in (
            (isinstance(fault, DeadlinePassed), False, ""),  # nobody waits for another model's answer either
            (isinstance(fault, CircuitOpen), conditions.circuit_breaker_open, "circuit_breaker_open"),
            (_is_unknown(fault), conditions.model_not_found, "model_not_found"),
            (_is_too_long(fault), conditions.context_length_exceeded, "context_length_exceeded"),
            (isinstance(fault, AttemptsTimedOut), conditions.timeout, "timeout"),
            (_is_unconnected(fault), conditions.connection_error, "connection_error"),
        ):
            if matches:
                return name if wanted else None
        if isinstance(fault, CallerError) and not isinstance(fault, RateLimited):
            return None
        status = _status(fault)
        return f"error_code_{status}" if status in conditions.error_codes else None


def _is_unknown(fault: ContinuumError) -> bool:
    return isinstance(fault, ModelNotFound) or (isinstance(fault, UpstreamRejected) and fault.status == NOT_FOUND)


def _is_too_long(fault: ContinuumError) -> bool:
    return isinstance(fault, UpstreamRejected) and fault.too_long


def _is_unconnected(fault: ContinuumError) -> bool:
    return isinstance(fault, AttemptsExhausted) and isinstance(fault.last, ConnectFailed)


def _status(fault: ContinuumError) -> int:
    """What the last attempt was answered, else what the caller would be."""
    last = fault.last if isinstance(fault, AttemptsExhausted) else None
    return (last.status if last is not None else None) or fault.http_status
