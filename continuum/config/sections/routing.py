"""The section `routing`: which backend a request goes to."""

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from continuum.config.section import Group, Reload, Section, defaults_of
from continuum.config.types import Word, one_of
from continuum.selection import DEFAULT, STRATEGIES

StrategyName = Annotated[
    str, AfterValidator(one_of(STRATEGIES)), WithJsonSchema({"type": "string", "enum": list(STRATEGIES)})
]


class Rule(Group):
    """Backends for the models of one name pattern."""

    match: Word = Field(description="Name of a model, or a pattern with * and ?.")
    backends: list[Word] = Field(
        min_length=1,
        description="Names of the backends that may answer. One whose own models are not configured is asked even for "
        "a model that nobody lists.",
    )
    strategy: StrategyName | None = Field(default=None, description="How one of them is chosen; absent: as everywhere.")


class Prefix(Group):
    """How strategies that keep like calls together do it."""

    length: int = Field(default=1024, ge=1, description="Characters of the prompt that PrefixAwareHash looks at.")
    max_load_factor: float = Field(
        default=1.25,
        ge=1,
        allow_inf_nan=False,
        description="PrefixAwareHash and ConsistentHash pass a backend over above this multiple of the mean load.",
    )


class Routing(Section, reload=Reload.GRADUAL):
    """How a backend is chosen for a request, and other names for models."""

    selection_strategy: StrategyName = Field(
        default=DEFAULT, description="How one of the backends that could answer is chosen."
    )
    aliases: dict[Word, Word] = Field(default={}, description="Other names for models: name to model.")
    rules: list[Rule] = Field(default=[], description="Backends for some models; the first rule that matches counts.")
    default_model: Word | None = Field(
        default=None, description="The model when a request names none, or the empty one."
    )
    affinity_headers: list[Word] = Field(
        default=["x-session-affinity", "x-session-id"],
        description="Request headers whose value keeps a session on one backend, under ConsistentHash; the first "
        "present counts.",
    )
    prefix: Prefix = defaults_of(Prefix)
