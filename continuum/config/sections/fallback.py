"""The section `fallback`: other models to try when one cannot answer."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from continuum.config.plain import is_list, is_mapping
from continuum.config.section import Group, Path, Reload, Section, defaults_of
from continuum.config.types import StatusCode, Word


class TriggerConditions(Group):
    """Which failures of a model lead to the next one of its chain."""

    error_codes: list[StatusCode] = Field(
        default=[429, 500, 502, 503, 504, 529], description="Statuses of the last attempt."
    )
    timeout: bool = Field(default=True, description="No answer in time.")
    connection_error: bool = Field(default=True, description="No connection to a backend.")
    model_not_found: bool = Field(default=True, description="No backend knows the model.")
    circuit_breaker_open: bool = Field(default=True, description="Every backend's breaker is open.")
    context_length_exceeded: bool = Field(default=True, description="The prompt is too long for the model.")


class FallbackPolicy(Group):
    """When a chain is followed, and how far."""

    trigger_conditions: TriggerConditions = defaults_of(TriggerConditions)
    max_fallback_attempts: int = Field(default=3, ge=1, description="Models of a chain that are tried.")
    preserve_parameters: bool = Field(default=True, description="Whether the request's parameters are kept.")


class Fallback(Section, reload=Reload.GRADUAL):
    """Other models that are tried in turn when a model cannot answer."""

    enabled: bool = Field(default=False, description="Whether chains are followed.")
    fallback_chains: dict[Word, Annotated[list[Word], Field(min_length=1)]] = Field(
        default={}, description="Model to the models that are tried after it, in order; chains must not form a loop."
    )
    fallback_policy: FallbackPolicy = defaults_of(FallbackPolicy)

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        for model, rule in loops(given.get("fallback_chains"), {}).items():
            yield ("fallback_chains", model), rule


def loops(chains: object, aliases: object) -> dict[str, str]:
    """A fault for each model whose chain leads back to it, by the chain's key; aliases stand for their models."""
    names: Mapping[Any, Any] = aliases if is_mapping(aliases) else {}
    written: Mapping[Any, Any] = chains if is_mapping(chains) else {}
    keys = {_resolved(key, names): key for key in written if isinstance(key, str)}
    edges = {model: list(_models(written[key], names)) for model, key in keys.items()}
    found = {key: way for model, key in keys.items() if (way := _way_back(model, edges))}
    return {key: f"must not lead back to itself: {' -> '.join(way)}" for key, way in found.items()}


def _resolved(model: str, aliases: Mapping[Any, Any]) -> str:
    target = aliases.get(model, model)
    return target if isinstance(target, str) else model


def _models(chain: object, aliases: Mapping[Any, Any]) -> Iterator[str]:
    for model in chain if is_list(chain) else ():
        if isinstance(model, str):
            yield _resolved(model, aliases)


def _way_back(start: str, edges: Mapping[str, list[str]]) -> list[str]:
    """The shortest way from a model along the chains to itself; empty where there is none."""
    came_from: dict[str, str] = {}
    reached = [start]
    for model in reached:
        for following in edges.get(model, ()):
            if following == start:
                way = [start, model]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1] if model != start else [start, start]
            if following not in came_from:
                came_from[following] = model
                reached.append(following)
    return []
