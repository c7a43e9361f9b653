"""Edits of a section: what an echo of the view means, masks that come back, references, the file's own keys."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.config import from_mapping
from continuum.config.edit import Base, Edit, merge_patch, patched, replaced, same
from continuum.config.expansion import Reference
from continuum.config.overlay import lay
from continuum.config.plain import is_list, is_mapping
from continuum.config.view import masked, revealed
from continuum.errors import ConfigError

VARIABLES = {
    "${OPENAI_KEY}": "sk-from-the-environment",
    "${HOST}": "models.example",
    "https://${HOST}/v1": "https://h.example/v1",
}

STORED: dict[str, Any] = {
    "server": {"bind_address": ["127.0.0.1:1", "127.0.0.1:2"], "tls": {"cert_file": "c.pem", "key_file": "k.pem"}},
    "backends": [
        {"name": "openai", "type": "openai", "api_key": Reference("${OPENAI_KEY}"), "weight": 2},
        {
            "name": "many",
            "url": Reference("https://${HOST}/v1"),
            "api_keys": ["first-secret-key", Reference("${OPENAI_KEY}")],
        },
        {"name": "own", "url": "http://127.0.0.1:{port}", "managed": {"command": ["serve", "{port}"]}},
        {
            "name": "tls",
            "url": "https://t.example",
            "tls": {"ca_file": "ca.pem"},
            "headers": {"X-Team": "team-secret-1"},
        },
    ],
    "api_keys": {"api_keys": [{"key": "client-secret-one", "id": "one"}, {"key": "client-secret-two"}]},
    "admin": {"auth": {"method": "basic", "username": "root", "password": "short"}},
    "logging": {"file": "router.log"},
}


def expanded(value: Any) -> Any:
    if isinstance(value, Reference):
        return VARIABLES[value.text]
    if is_mapping(value):
        return {key: expanded(inner) for key, inner in value.items()}
    return [expanded(inner) for inner in value] if is_list(value) else value


def base_of(stored: Mapping[str, Any] = STORED) -> Base:
    return Base(stored, from_mapping(expanded(stored)))


def view_of(section: str) -> Any:
    return masked(base_of().config)[section]


def told(error: pytest.ExceptionInfo[ConfigError]) -> list[tuple[str, str]]:
    return [(problem.key, problem.rule) for problem in error.value.problems]


@pytest.mark.parametrize("section", STORED)
def test_the_whole_view_sent_back_changes_nothing(section: str) -> None:
    base = base_of()
    for shown in (masked(base.config), revealed(base.config)):
        assert replaced(base, section, shown[section]) == Edit(STORED[section])


def test_an_empty_patch_changes_nothing() -> None:
    assert patched(base_of(), "admin", {}) == Edit(STORED["admin"])
    assert patched(base_of(), "retry", {}).data == {}


def test_one_key_edited_in_the_view_is_the_one_that_changes() -> None:
    sent = view_of("backends")
    sent[1]["weight"] = 7
    data = replaced(base_of(), "backends", sent).data
    assert data[0] == STORED["backends"][0]
    assert data[1]["weight"] == 7
    assert data[1]["url"] == Reference("https://${HOST}/v1")
    assert data[1]["api_keys"] == STORED["backends"][1]["api_keys"]
    assert data[2:] == STORED["backends"][2:]


def test_items_are_matched_by_name_wherever_they_stand() -> None:
    sent = view_of("backends")[::-1]
    for entry in sent:
        entry["weight"] = 9
    data = {entry["name"]: entry for entry in replaced(base_of(), "backends", sent).data}
    assert data["openai"]["api_key"] == Reference("${OPENAI_KEY}")
    assert data["tls"]["headers"] == {"X-Team": "team-secret-1"}


def test_a_list_of_secrets_is_matched_by_what_is_shown() -> None:
    sent = view_of("backends")
    sent[1]["api_keys"] = [sent[1]["api_keys"][1], "a-new-secret-key"]
    data = replaced(base_of(), "backends", sent).data
    assert data[1]["api_keys"] == [Reference("${OPENAI_KEY}"), "a-new-secret-key"]


def test_client_keys_are_matched_by_id_and_those_without_one_by_their_mask() -> None:
    sent = view_of("api_keys")
    sent["api_keys"].reverse()
    sent["api_keys"][0].update(name="second", id="a new id")
    sent["api_keys"][1]["name"] = "first"
    data = replaced(base_of(), "api_keys", sent).data["api_keys"]
    assert [(key["key"], key["name"]) for key in data] == [
        ("client-secret-two", "second"),
        ("client-secret-one", "first"),
    ]


@pytest.mark.parametrize(
    ("section", "change", "where"),
    [
        ("backends", {0: {"name": "renamed"}}, "0.api_key"),
        ("backends", {2: {"api_key": "sk-***ment"}}, "2.api_key"),
        ("backends", {3: {"headers": {"X-Other": "***"}}}, "3.headers.X-Other"),
        ("backends", {1: {"api_keys": ["fir***-key", "sk-***ment", "fir***-key"]}}, "1.api_keys.2"),
        ("api_keys", {"api_keys": {0: {"id": "other"}}}, "api_keys.0.key"),
        ("admin", {"auth": {"token": "***"}}, "auth.token"),
    ],
)
def test_a_mask_with_nothing_behind_it_is_refused(section: str, change: dict[Any, Any], where: str) -> None:
    with pytest.raises(ConfigError) as error:
        replaced(base_of(), section, lay(view_of(section), change))
    assert [(key, "none like it is stored" in rule) for key, rule in told(error)] == [(f"{section}.{where}", True)]


@pytest.mark.parametrize("send", [replaced, patched])
def test_the_mask_of_an_earlier_secret_keeps_the_present_one(send: Any) -> None:
    edit = send(base_of(), "admin", {"auth": {"method": "basic", "username": "root", "password": "old***pass"}})
    assert edit.data["auth"]["password"] == "short"
    (warning,) = edit.warnings
    assert (warning.key, "stays" in warning.rule) == ("admin.auth.password", True)
    assert "short" not in str(warning)


def test_a_new_secret_replaces_a_reference() -> None:
    sent = view_of("backends")
    sent[0]["api_key"] = "sk-brand-new-secret"
    assert replaced(base_of(), "backends", sent).data[0]["api_key"] == "sk-brand-new-secret"


def test_text_from_outside_stays_text() -> None:
    for text in ("${HOME}", "$${HOME}"):
        assert replaced(base_of(), "admin", {"auth": {"token": text}}).data["auth"]["token"] == text
    sent = {"auth": {"token": {"$env": "${HOME}"}}}
    assert replaced(base_of(), "admin", sent).data == sent, "a mapping like any other: no string, so no token"


def test_what_only_the_file_may_say_stays_where_it_is_left_out() -> None:
    base = base_of()
    assert replaced(base, "logging", {"level": "debug"}).data == {"level": "debug", "file": "router.log"}
    assert replaced(base, "server", {"workers": 2}).data == {"workers": 2, "tls": STORED["server"]["tls"]}
    slim = [{"name": entry["name"], "url": "http://h:{port}", "weight": 3} for entry in STORED["backends"]]
    data = replaced(base, "backends", slim).data
    assert data[2]["managed"] == STORED["backends"][2]["managed"]
    assert data[3]["tls"] == {"ca_file": "ca.pem"}
    assert "managed" not in data[0]


@pytest.mark.parametrize(
    ("section", "sent", "where"),
    [
        ("logging", {"file": "/etc/passwd"}, "logging.file"),
        ("server", {"tls": {"cert_file": "c.pem", "key_file": "other.pem"}}, "server.tls"),
        ("global_prompts", {"prompts_dir": "/"}, "global_prompts.prompts_dir"),
        ("files", {"storage_path": "/srv"}, "files.storage_path"),
        ("api_keys", {"api_keys_file": "keys"}, "api_keys.api_keys_file"),
        ("backends", [{"name": "own", "managed": {"command": ["rm"]}}], "backends.0.managed"),
        ("backends", [{"name": "new", "managed": {"command": ["rm"]}}], "backends.0.managed"),
        ("backends", [{"name": "tls", "tls": {"ca_file": "x"}}], "backends.0.tls.ca_file"),
        ("backends", [{"name": "tls", "tls": None}], "backends.0.tls.ca_file"),
        ("backends", [{"name": "openai", "tls": {"verify": False, "key_file": "x"}}], "backends.0.tls.key_file"),
    ],
)
def test_what_only_the_file_may_say_is_not_changed(section: str, sent: Any, where: str) -> None:
    with pytest.raises(ConfigError) as error:
        replaced(base_of(), section, sent)
    assert told(error) == [(where, "can only be changed in the configuration file")]


def test_a_default_that_only_the_file_may_change_can_be_echoed() -> None:
    assert replaced(base_of(), "global_prompts", {"prompts_dir": "./prompts"}).data == {"prompts_dir": "./prompts"}
    assert replaced(base_of(), "files", {"storage_path": None}).data == {"storage_path": None}


@pytest.mark.parametrize(("section", "patch"), [("logging", {"file": None}), ("server", {"tls": None})])
def test_a_patch_cannot_remove_it_either(section: str, patch: Any) -> None:
    with pytest.raises(ConfigError, match="can only be changed in the configuration file"):
        patched(base_of(), section, patch)


def test_a_patch_leaves_the_rest_as_it_is_stored() -> None:
    edit = patched(base_of(), "admin", {"auth": {"username": "other"}, "max_history_entries": 5})
    assert edit.data == {
        "auth": {"method": "basic", "username": "other", "password": "short"},
        "max_history_entries": 5,
    }
    assert patched(base_of(), "retry", {"max_attempts": 5, "jitter": None}).data == {"max_attempts": 5}


# RFC 7396, appendix A: original, patch, result
RFC_7396: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_merge_patch_as_the_rfc_has_it(target: Any, patch: Any, result: Any) -> None:
    before = deepcopy((target, patch))
    assert merge_patch(target, patch) == result
    assert (target, patch) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=4),
    max_leaves=12,
)


@given(target=JSON, patch=JSON)
def test_a_merge_patch_applied_again_changes_nothing(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert same(merge_patch(once, patch), once)


@given(value=JSON)
def test_same_knows_itself(value: Any) -> None:
    assert same(value, deepcopy(value))
    assert not same(value, [value])


def test_true_is_not_one() -> None:
    assert not same({"a": [1]}, {"a": [True]})
    assert not same({"a": [0]}, {"a": [False]})
    assert same([1], [1.0])


ENTRY: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": st.sampled_from("abcd"),
        "url": st.sampled_from(["http://h", Reference("https://${HOST}/v1")]),
    },
    optional={
        "api_key": st.one_of(st.just(Reference("${OPENAI_KEY}")), st.text("xyz", min_size=1, max_size=20)),
        "weight": st.integers(1, 100),
        "models": st.lists(st.sampled_from("mn"), max_size=2),
        "headers": st.dictionaries(st.sampled_from(["X-A", "X-B"]), st.text("xyz", min_size=1, max_size=14)),
    },
)


def name_of(entry: dict[str, Any]) -> str:
    return str(entry["name"])


@given(stored=st.lists(ENTRY, unique_by=name_of, max_size=4), data=st.data())
def test_read_edit_write_touches_only_what_was_edited(stored: list[Any], data: st.DataObject) -> None:
    """In any order, with any items dropped and new ones between: what was not edited is stored as it was."""
    base = base_of({"backends": stored})
    view = masked(base.config)["backends"]
    sent = data.draw(st.permutations(view)) if view else []
    sent = sent[: data.draw(st.integers(0, len(sent)))]
    edited = {entry["name"] for entry in sent if data.draw(st.booleans())}
    sent = [{**entry, "max_in_flight": 3} if entry["name"] in edited else entry for entry in sent]
    sent.insert(data.draw(st.integers(0, len(sent))), {"name": "new", "url": "http://new"})
    result = {entry["name"]: entry for entry in replaced(base, "backends", sent).data}
    assert list(result) == [entry["name"] for entry in sent]
    for entry in stored:
        now = result.get(entry["name"])
        if now is not None and entry["name"] not in edited:
            assert now == entry
        elif now is not None:
            assert {key: now[key] for key in entry} == entry
            assert now["max_in_flight"] == 3
