"""Who a credential makes its bearer: every state of a key, patterns of models, and what is told to whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.config import from_mapping
from continuum.core import ANONYMOUS, Access
from continuum.errors import PermissionDenied, Unauthenticated

KEY = "sk-client-one"


def access(*keys: dict[str, Any], needed: bool = False) -> Access:
    return Access(from_mapping({"api_keys": {"api_keys": list(keys)}}).api_keys.api_keys, needed=needed)


def ahead(**distance: float) -> str:
    return (datetime.now(UTC) + timedelta(**distance)).isoformat()


def test_a_known_key_brings_its_identity() -> None:
    entry = {"key": KEY, "id": "one", "user_id": "u", "organization_id": "o", "rate_limit": 5, "tokens_per_minute": 7}
    for needed in (False, True):
        who = access(entry, needed=needed).identify(KEY.encode())
        assert (who.key_id, who.user_id, who.organization_id) == ("one", "u", "o")
        assert (who.rate_limit, who.tokens_per_minute) == (5, 7)
        assert who.scopes == {"read", "write", "files"}


def test_a_key_without_an_id_is_known_by_a_digest_that_stays() -> None:
    first = access({"key": KEY}).identify(KEY.encode())
    second = access({"key": "another"}, {"key": KEY}).identify(KEY.encode())
    assert first.key_id == second.key_id
    assert first.key_id is not None
    assert first.key_id.startswith("key-")
    assert KEY not in first.key_id


@pytest.mark.parametrize("sent", [None, b"", b"sk-client-on", b"sk-client-onee", b"SK-CLIENT-ONE", b"\xff\x00"])
def test_a_caller_without_a_known_key(sent: bytes | None) -> None:
    assert access({"key": KEY}).identify(sent) is ANONYMOUS
    with pytest.raises(Unauthenticated):
        access({"key": KEY}, needed=True).identify(sent)


# why, what the entry says
REFUSED: dict[str, dict[str, Any]] = {
    "disabled": {"enabled": False},
    "expired": {"expires_at": ahead(seconds=-1)},
    "expired long ago": {"expires_at": "2020-01-01"},
    "both": {"enabled": False, "expires_at": "2020-01-01T00:00:00+02:00"},
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_key_out_of_use_is_refused_in_either_mode(why: str) -> None:
    for needed in (False, True):
        with pytest.raises(Unauthenticated):
            access({"key": KEY, **REFUSED[why]}, needed=needed).identify(KEY.encode())


def test_every_refusal_has_the_same_words() -> None:
    told: set[str] = set()
    for extra in ({}, *REFUSED.values()):
        with pytest.raises(Unauthenticated) as caught:
            access({"key": KEY, **extra}, needed=True).identify(KEY.encode() if extra else b"nobody's")
        told.add(caught.value.message)
    assert len(told) == 1


def test_a_key_that_has_not_expired_is_taken() -> None:
    assert access({"key": KEY, "id": "one", "expires_at": ahead(hours=1)}).identify(KEY.encode()).key_id == "one"


# patterns, what they allow, what they do not
PATTERNS: list[tuple[list[str], list[str], list[str]]] = [
    ([], ["anything", "a/b"], []),
    (["gpt-4o"], ["gpt-4o"], ["gpt-4o-mini", "xgpt-4o", "GPT-4o", ""]),
    (["gpt-*", "org/m?"], ["gpt-", "gpt-4o/x", "org/m1"], ["org/m", "org/m12", "claude"]),
    (["a.c"], ["a.c"], ["abc"]),
    (["a|b", "(x"], ["a|b", "(x"], ["a", "b"]),
]


@pytest.mark.parametrize(("patterns", "allowed", "others"), PATTERNS)
def test_models_by_pattern(patterns: list[str], allowed: list[str], others: list[str]) -> None:
    who = access({"key": KEY, "models": patterns}).identify(KEY.encode())
    assert [who.may_use(model) for model in allowed] == [True] * len(allowed)
    assert [who.may_use(model) for model in others] == [False] * len(others)
    for model in others:
        with pytest.raises(PermissionDenied):
            who.need_model(model)


def test_a_scope_that_is_not_given_is_missing() -> None:
    who = access({"key": KEY, "scopes": ["read"]}).identify(KEY.encode())
    who.need_scope("read")
    with pytest.raises(PermissionDenied, match="write"):
        who.need_scope("write")


_keys = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), unique=True, max_size=30)


@given(_keys, st.binary())
def test_only_the_very_key_is_known(keys: list[str], other: bytes) -> None:
    kept = [key for key in keys if "***" not in key]
    table = access(*({"key": key, "id": f"id-{number}"} for number, key in enumerate(kept)), needed=True)
    for number, key in enumerate(kept):
        assert table.identify(key.encode()).key_id == f"id-{number}"
    if other not in {key.encode() for key in kept}:
        with pytest.raises(Unauthenticated):
            table.identify(other)
