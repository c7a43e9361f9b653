"""What backends say, as clients may see it."""

from hypothesis import given
from hypothesis import strategies as st

from continuum.redact import redact

SECRET = "withoutanyform4711"


@given(st.integers(1900, 2100))
def test_no_word_is_cut_through(before: int) -> None:
    """What is left of a secret at the end would not be known as one by whoever looks for it."""
    text = "x " * (before // 2) + SECRET
    shown = redact(text)
    assert len(shown) <= 2000
    assert shown.endswith(SECRET) if len(text) <= 2000 else "without" not in shown


def test_one_endless_word_is_no_word() -> None:
    assert redact("x" * 5000) == ""
    assert redact("x" * 2000) == "x" * 2000
