"""The section api_keys and its file: what a user reads when one of them is wrong."""

from pathlib import Path
from typing import Any

import pytest

from continuum.config import client_keys, from_mapping, masked
from continuum.errors import ConfigError

KEY = "sk-planted-client-4711"


def section(**keys: Any) -> Any:
    return from_mapping({"api_keys": keys}).api_keys


def problems(**keys: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        client_keys(section(**keys))
    assert KEY not in str(caught.value)
    return str(caught.value)


def key_file(folder: Path, text: str, name: str = "keys.yaml", mode: int = 0o600) -> str:
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return str(file)


FORMS = {
    "keys.yaml": f"- {{key: {KEY}, id: b}}\n",
    "more.yaml": f"api_keys:\n  - key: {KEY}\n    id: b\n",
    "keys.json": f'[{{"key": "{KEY}", "id": "b"}}]',
    "keys.toml": f'[[api_keys]]\nkey = "{KEY}"\nid = "b"\nexpires_at = 2030-01-01T00:00:00Z\n',
}


@pytest.mark.parametrize("name", FORMS)
def test_a_file_adds_its_keys(tmp_path: Path, name: str) -> None:
    file = key_file(tmp_path, FORMS[name], name)
    keys = client_keys(section(api_keys=[{"key": "own", "id": "a"}], api_keys_file=file))
    assert [(key.id, key.key.reveal()) for key in keys] == [("a", "own"), ("b", KEY)]


def test_an_empty_file_holds_no_keys(tmp_path: Path) -> None:
    assert client_keys(section(api_keys_file=key_file(tmp_path, "[]"))) == []
    assert client_keys(section(api_keys_file=key_file(tmp_path, ""))) == []


def test_a_variable_is_plain_text_there(tmp_path: Path) -> None:
    (key,) = client_keys(section(api_keys_file=key_file(tmp_path, "- key: ${HOME}\n")))
    assert key.key.reveal() == "${HOME}"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o606])
def test_a_file_for_others_too_is_refused(tmp_path: Path, mode: int) -> None:
    told = problems(api_keys_file=key_file(tmp_path, "[]", mode=mode))
    assert told.startswith("api_keys.api_keys_file: ")
    assert told.endswith("keys.yaml must be for its owner only: chmod 600")


# text of the file, what is told after its name
FAULTY = {
    f"- key: {KEY}\n  scope: [read]\n": ":2: api_keys.0.scope: unknown key; did you mean 'scopes'?",
    "- id: a\n": ":1: api_keys.0.key: is required",
    f"- key: {KEY}\n  scopes: [all]\n": ":2: api_keys.0.scopes.0: must be 'read', 'write', 'files' "
    "or 'admin' (got \"all\")",
    f"- key: {KEY}\n- key: {KEY}\n": ": api_keys.1.key: must be unique; another entry has this key",
    "nonsense\n": ": must hold a mapping of sections at its top, not a single value",
    "keys: []\n": ":1: keys: unknown key; did you mean 'api_keys'?",
}


@pytest.mark.parametrize("text", FAULTY)
def test_each_fault_names_its_place(tmp_path: Path, text: str) -> None:
    file = key_file(tmp_path, text)
    assert problems(api_keys_file=file) == file + FAULTY[text]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert problems(api_keys_file=str(tmp_path / "none.yaml")) == f"{tmp_path}/none.yaml: cannot be read: no such file"


def test_a_key_stands_in_one_place_only(tmp_path: Path) -> None:
    file = key_file(tmp_path, f"- key: {KEY}\n  id: b\n- key: x\n  id: a\n")
    told = problems(api_keys=[{"key": KEY, "id": "a"}], api_keys_file=file)
    assert told.splitlines() == [
        f"{file}: api_keys.0.key: must be unique; another entry has this key",
        f"{file}: api_keys.1.id: must be unique; another key has this id",
    ]


# key of an entry, value, what is told
ENTRIES: list[tuple[str, Any, str]] = [
    ("key", "", "must not be empty"),
    ("key", "clé", "must be plain ASCII: it is sent in a header"),
    ("key", "sk-***abcd", "is a masked secret, as shown by a view of the configuration; the secret itself is needed"),
    ("expires_at", "soon", "must be a time such as"),
    ("expires_at", 1700000000, "must be a time such as"),
    ("rate_limit", 0, "must be greater than 0"),
    ("rate_limit", True, "must be a whole number"),
    ("enabled", "yes", "must be true or false"),
    ("models", "gpt", "must be a list"),
]


@pytest.mark.parametrize(("key", "value", "told"), ENTRIES)
def test_a_faulty_entry(key: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        section(api_keys=[{"key": "x", key: value}])
    assert f"api_keys.api_keys.0.{key}: {told}" in str(caught.value)
    assert "sk-***" not in str(caught.value)


def test_ids_and_keys_are_unique() -> None:
    with pytest.raises(ConfigError) as caught:
        section(api_keys=[{"key": KEY, "id": "a"}, {"key": KEY, "id": "a"}])
    assert [problem.key for problem in caught.value.problems] == ["api_keys.api_keys.1.id", "api_keys.api_keys.1.key"]
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2027-01-31", "2027-01-31T00:00:00Z"),
        ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
        ("2027-01-31T12:00:00+02:00", "2027-01-31T12:00:00+02:00"),
        ("2027-01-31 12:00", "2027-01-31T12:00:00Z"),
    ],
)
def test_a_moment_has_a_zone(written: str, shown: str) -> None:
    view = masked(from_mapping({"api_keys": {"api_keys": [{"key": KEY, "expires_at": written}]}}))
    assert view["api_keys"]["api_keys"][0]["expires_at"] == shown
    assert KEY not in str(view)


@pytest.mark.parametrize("origin", ["https://App.example.com", "example.com", "https://a.b/", "https://a.b/x", "null"])
def test_an_origin_is_scheme_and_host(origin: str) -> None:
    with pytest.raises(ConfigError, match="must be an origin such as"):
        from_mapping({"cors": {"allow_origins": [origin]}})


def test_origins() -> None:
    origins = ["*", "https://app.example.com", "http://localhost:3000", "http://[::1]:80", "chrome-extension://abc"]
    assert from_mapping({"cors": {"allow_origins": origins}}).cors.allow_origins == origins
