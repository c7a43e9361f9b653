"""Facts about models: the shipped ones, a user's laid over them, and what a call costs by them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.chat import Usage
from continuum.config.facts import Facts, LongContext, Pricing
from continuum.errors import ConfigError, ParseError

MILLION = 1_000_000
rates = st.floats(0, 1000)
tokens = st.integers(0, 10 * MILLION)


def load(home: Path, text: str) -> Facts:
    file = home / "models.yaml"
    file.write_text(text, encoding="utf-8")
    return Facts.load(file)


def test_the_shipped_ones_are_whole() -> None:
    facts = Facts.load(None)
    assert len(facts.models) > 20
    for name, known in facts.models.items():
        assert known.context_window, name
        assert known.pricing is not None, name
        assert name not in known.aliases
    named = [*facts.models, *(alias for known in facts.models.values() for alias in known.aliases)]
    assert len(set(named)) == len(named)


def test_a_model_is_known_by_its_aliases_and_behind_a_vendor() -> None:
    facts = Facts.load(None)
    assert facts.of("gpt-4o-2024-08-06") is facts.of("gpt-4o") is facts.of("openai/gpt-4o") is not None
    assert facts.of("gpt-4o-mine") is None
    assert facts.of(None, "nobody", "gpt-4o") is facts.of("gpt-4o")
    assert facts.of() is None


def test_a_users_file_goes_over_them_key_by_key(tmp_path: Path) -> None:
    facts = load(
        tmp_path,
        "models:\n"
        "  gpt-4o: {pricing: {input: 1, output: 2}}\n"
        "  house-model: {context_window: 4096, pricing: {input: 0, output: 0}, aliases: [hm]}\n",
    )
    known, own = facts.of("gpt-4o"), facts.of("hm")
    assert known is not None
    assert own is not None
    assert known.pricing == Pricing(input=1, output=2)
    assert (known.context_window, own.context_window) == (128_000, 4096)
    assert facts.cost(Usage(MILLION, MILLION), "gpt-4o") == 3
    assert facts.cost(Usage(MILLION, MILLION), "hm") == 0
    assert facts.cost(Usage(MILLION, MILLION), "who knows") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models:\n  m: {window: 3}", "FILE:2: models.m: object contains unknown field window"),
        ("models:\n  m: {pricing: {input: x, output: 1}}", "FILE:2: models.m.pricing.input: expected float, got str"),
        ("models:\n  m: {pricing: {input: 1}}", "FILE:2: models.m.pricing: object missing required field output"),
        ("models:\n  m: {max_output: 0}", "FILE:2: models.m.max_output: expected int >= 1"),
        ("models:\n  m: {max_output: -1}\n  n: 3", "FILE:3: models.n: expected object, got int"),
        ("models: [m]", "FILE: models: must be a map of model ids"),
        ("m: {max_output: 3}", "FILE:1: m: unknown key; a file of facts about models has the keys models and as_of"),
    ],
)
def test_each_fault_says_where_it_is(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert told in str(caught.value).replace(str(tmp_path / "models.yaml"), "FILE").splitlines()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="no such file"):
        Facts.load(tmp_path / "models.yaml")
    with pytest.raises(ParseError):
        load(tmp_path, "models: {")


@given(st.builds(Pricing, input=rates, output=rates, cached_input=st.none() | rates), tokens, tokens, tokens)
def test_cached_tokens_are_part_of_the_prompt(price: Pricing, fresh: int, cached: int, answer: int) -> None:
    kept = price.input if price.cached_input is None else price.cached_input
    expected = (fresh * price.input + cached * kept + answer * price.output) / MILLION
    assert price.of_call(Usage(fresh + cached, answer, cached)) == pytest.approx(expected)


@given(tokens)
def test_a_long_prompt_has_rates_of_its_own(sent: int) -> None:
    long = LongContext(input=2, output=20, above=200_000)
    price = Pricing(input=1, output=10, long_context=long)
    rate = 2 if sent > 200_000 else 1
    assert price.of_call(Usage(sent, 0)) == pytest.approx(sent * rate / MILLION)
