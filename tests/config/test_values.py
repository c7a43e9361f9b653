"""Durations, sizes and secrets: what is read, what is refused, what is shown."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.config.quantity import seconds, show_duration, show_size, size
from continuum.config.secret import Secret


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("1.5h", 5400),
        (" 2 s ", 2),
        ("30", 30),
        (30, 30),
        (0.25, 0.25),
        ("0s", 0),
        (0, 0),
    ],
)
def test_duration(written: object, meant: float) -> None:
    assert seconds(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "s",
        "-1s",
        "1d",
        "1h30m",
        "1e3",
        "nan",
        "inf",
        -1,
        float("nan"),
        float("inf"),
        True,
        None,
        [],
        "1" * 400,
        10**400,
        "999999999999h",
    ],
)
def test_not_a_duration(written: object) -> None:
    with pytest.raises(ValueError, match="must be a duration such as"):
        seconds(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10MiB", 10 * 2**20),
        ("10MB", 10**7),
        ("1kb", 1000),
        ("512 KiB", 2**19),
        ("0.5GiB", 2**29),
        ("7B", 7),
        ("42", 42),
        (9, 9),
    ],
)
def test_size(written: object, meant: int) -> None:
    assert size(written) == meant


@pytest.mark.parametrize(
    "written", ["", "10M", "MiB", "1iB", "0", 0, -1, 1.5, "0.3B", True, None, "9" * 18 + "TiB", 2**63]
)
def test_not_a_size(written: object) -> None:
    with pytest.raises(ValueError, match="must be a size such as"):
        size(written)


@pytest.mark.parametrize("text", ["500ms", "90s", "5m", "1h", "1.5h"])
def test_a_duration_is_shown_as_it_was_written(text: str) -> None:
    assert show_duration(seconds(text)) == text
    assert show_duration(copy.deepcopy(seconds(text))) == text
    assert show_duration(pickle.loads(pickle.dumps(seconds(text)))) == text  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("number", "text"), [(90, "90s"), (0.5, "500ms"), (0, "0s"), (1.5, "1.5s"), (3600, "3600s"), (100, "100s")]
)
def test_a_number_of_seconds_is_shown_with_a_unit(number: float, text: str) -> None:
    assert show_duration(seconds(number)) == text


@given(
    st.floats(min_value=0, max_value=1e9, allow_nan=False, allow_subnormal=False).filter(lambda x: x == 0 or x > 1e-9)
)
def test_every_duration_reads_back(value: float) -> None:
    assert seconds(show_duration(value)) == value


@given(st.integers(min_value=1, max_value=2**63 - 1))
def test_every_size_reads_back(value: int) -> None:
    assert size(show_size(value)) == value


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    for read in (seconds, size):
        try:
            assert read(text) >= 0
        except ValueError as error:
            assert str(error).startswith("must be")  # noqa: PT017 - either way is right


HIDDEN = "sk-hidden-1234567890"


def test_a_secret_is_never_shown() -> None:
    secret = Secret(HIDDEN)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>40}",
        str([secret]),
        str({"k": secret}),
    ]
    assert not [text for text in shown if "hidden" in text]
    assert secret.reveal() == HIDDEN


def test_secrets_are_equal_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert copy.deepcopy(Secret("a")) == Secret("a")


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (12345, "must be a string"),
        ("", "must not be empty"),
        ("two\nlines", "line breaks or control characters"),
        ("trailing ", "nor begin or end with a space"),
        ("***", "is a masked secret"),
        ("sk-***abcd", "is a masked secret"),
    ],
)
def test_what_cannot_be_a_secret(value: object, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        Secret.read(value)
    assert "two" not in str(caught.value)
