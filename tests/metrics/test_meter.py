"""A meter holds whatever is recorded, and never more series than it may."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from continuum.metrics import INSTRUMENTS, Instrument, Limits, Meter
from continuum.metrics.instruments import CANCELLED
from continuum.metrics.meter import OTHER

PAIRS = Instrument("pairs_total", "Pairs.", ("one", "two"))
SIZES = Instrument("sizes", "Sizes.", ("one",), (1, 2, 4))

labels = st.text("abcdefgh", min_size=1, max_size=1)


@given(st.lists(st.tuples(labels, labels)), st.integers(1, 12), st.integers(1, 6))
@example([("a", "a"), ("c", "a"), ("b", "b"), ("a", "c")], 5, 2)  # a value new beside one that is over the limit
def test_nothing_is_lost_and_nothing_grows(recorded: list[tuple[str, str]], sets: int, values: int) -> None:
    meter = Meter(Limits(sets, values))
    for pair in recorded:
        meter.count(PAIRS, *pair)
    counts = meter.counts(PAIRS)
    assert sum(counts.values()) == len(recorded)
    assert len(counts) <= sets
    for position in range(2):
        assert len({pair[position] for pair in counts} - {OTHER}) <= values


@given(st.lists(st.tuples(labels, labels)))
def test_within_the_limits_every_set_is_its_own(recorded: list[tuple[str, str]]) -> None:
    meter = Meter(Limits(65, 8))
    for pair in recorded:
        meter.count(PAIRS, *pair)
    assert meter.counts(PAIRS) == Counter(recorded)


@given(st.lists(st.floats(0, 10)))
def test_a_value_is_in_the_first_bucket_that_reaches_it(values: list[float]) -> None:
    meter = Meter()
    for value in values:
        meter.observe(SIZES, value, "x")
    for histogram in meter.histograms(SIZES).values():
        assert histogram.sum == pytest.approx(sum(values))
        assert histogram.counts == [
            sum(low < value <= high for value in values) for low, high in ((-1, 1), (1, 2), (2, 4), (4, float("inf")))
        ]


def test_what_is_off_records_nothing_and_what_was_counted_stays() -> None:
    meter = Meter()
    meter.count(CANCELLED, "streaming")
    meter.retune(Limits(), enabled=False)
    meter.count(CANCELLED, "streaming")
    meter.observe(SIZES, 1, "x")
    assert (meter.value(CANCELLED, "streaming"), meter.histograms(SIZES)) == (1, {})


def test_an_instrument_has_its_labels() -> None:
    with pytest.raises(ValueError, match="labels"):
        Meter().count(CANCELLED)


def test_the_documentation_has_them_all() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for each in INSTRUMENTS:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        assert f"| `{each.name}` | {labels} | {each.help} |" in text


def test_every_instrument_is_declared_once_by_the_conventions() -> None:
    names = [each.name for each in INSTRUMENTS]
    assert len(set(names)) == len(names)
    for each in INSTRUMENTS:
        counter = not each.gauge and not each.buckets
        assert counter == each.name.endswith("_total"), each.name
        assert list(each.buckets) == sorted(each.buckets)
