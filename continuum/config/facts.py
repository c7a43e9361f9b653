"""Facts about models: how much they read and write, what they cost, what they can. The shipped ones, which are dated,
with the user's own laid over them.

Plain structures and no pydantic: they are read at every start, and asked at every call's end.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import msgspec

from continuum.config.codec import read
from continuum.config.plain import is_mapping
from continuum.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.chat import Usage
    from continuum.config.codec import Document

__all__ = ["Facts", "LongContext", "ModelFacts", "Pricing"]

_MILLION: Final = 1_000_000
_SHIPPED: Final = "models.json"

_Dollars = Annotated[float, msgspec.Meta(ge=0)]
_Tokens = Annotated[int, msgspec.Meta(ge=1)]


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars per million tokens: of the prompt, of the answer (reasoning included), and of what of the prompt came
    from a cache, which costs as much as the rest where that is not said.
    """

    input: _Dollars
    output: _Dollars
    cached_input: _Dollars | None = None

    def cost(self, usage: Usage) -> float:
        """US dollars."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        kept = self.input if self.cached_input is None else self.cached_input
        prompt = (usage.input_tokens - cached) * self.input + cached * kept
        return (prompt + usage.output_tokens * self.output) / _MILLION


class LongContext(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of a call whose prompt has more tokens than `above`."""

    above: _Tokens


class Pricing(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model costs."""

    long_context: LongContext | None = None

    def of_call(self, usage: Usage) -> float:
        """US dollars."""
        long = self.long_context
        return (self if long is None or usage.input_tokens <= long.above else long).cost(usage)


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of one model. context_window: tokens of prompt and answer together; max_output: of an answer.
    aliases: other names of the same model. Whatever is not said is not known, a price neither: free is a price of 0.
    """

    context_window: _Tokens | None = None
    max_output: _Tokens | None = None
    pricing: Pricing | None = None
    capabilities: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class Facts:
    """Facts by model id or alias, in memory."""

    def __init__(self, models: Mapping[str, ModelFacts]) -> None:
        self.models = models
        self._named = {alias: facts for facts in models.values() for alias in facts.aliases} | dict(models)

    @classmethod
    def load(cls, file: Path | None) -> Self:
        """The shipped ones with those of a file over them, key by key. Blocks. Raises ConfigError: the first fault of
        each model.
        """
        shipped: Mapping[str, Any] = msgspec.json.decode(files("continuum.config").joinpath(_SHIPPED).read_bytes())
        known: dict[str, Any] = dict(shipped["models"])
        document = None if file is None else read(file)
        problems: list[ConfigProblem] = []
        users: Mapping[str, Any] = {} if document is None else _models(document)
        for name, own in users.items():
            known[name] = {**known.get(name, {}), **own} if is_mapping(own) else own
        models: dict[str, ModelFacts] = {}
        for name, facts in known.items():
            try:
                models[name] = msgspec.convert(facts, ModelFacts)
            except msgspec.ValidationError as fault:
                problems.append(_problem(document, name, str(fault)))
        if problems:
            raise ConfigError(problems)
        return cls(models)

    def of(self, *names: str | None) -> ModelFacts | None:
        """Of the first of these names that is known, with or without a vendor before a slash."""
        for name in names:
            if name is None:
                continue
            if (found := self._named.get(name) or self._named.get(name.rpartition("/")[2])) is not None:
                return found
        return None

    def cost(self, usage: Usage, *names: str | None) -> float | None:
        """What a call to a model that has these names costs, in US dollars; None where the price is not known."""
        facts = self.of(*names)
        return None if facts is None or facts.pricing is None else facts.pricing.of_call(usage)


def _models(document: Document) -> Mapping[str, Any]:
    """What a file says, by model id. Raises ConfigError where it is of another shape."""
    models = document.data.get("models", {})
    if unknown := sorted(set(document.data) - {"models", "as_of"}):
        rule = "unknown key; a file of facts about models has the keys models and as_of"
        raise ConfigError([ConfigProblem(rule, key, document.file, document.line((key,))) for key in unknown])
    if not is_mapping(models):
        raise ConfigError([ConfigProblem("must be a map of model ids", "models", document.file)])
    return models


def _problem(document: Document | None, name: str, said: str) -> ConfigProblem:
    """From msgspec's words, which end with a path: "Expected `int`, got `str` - at `$.max_output`"."""
    rule, _, path = said.partition(" - at `$")
    key = f"models.{name}{path.rstrip('`')}"
    rule = rule[:1].lower() + rule[1:].replace("`", "")
    if document is None:
        return ConfigProblem(rule, key)
    return ConfigProblem(rule, key, document.file, document.line(("models", name)))
