"""What the sections read beyond plain types: short forms, loops, lengths, things shown as they were written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.config import BackendConfig, Config, Fallback, RateLimiting, from_mapping, masked, overlay
from continuum.config.sections.fallback import loops
from continuum.errors import ConfigError


def test_the_global_limit() -> None:
    config = from_mapping({"rate_limiting": {"limits": {"global": {"requests_per_second": 2.5}}}})
    assert config.rate_limiting.limits.overall.requests_per_second == 2.5
    assert masked(config)["rate_limiting"]["limits"]["global"] == {"requests_per_second": 2.5}
    assert list(masked(config)["rate_limiting"]["limits"])[-1] == "global"


def test_the_short_form_may_have_a_burst() -> None:
    limit = {"requests_per_minute": 60, "limits": {"per_client": {"burst_capacity": 5}}}
    assert RateLimiting.model_validate(limit).limits.per_client.burst_capacity == 5


def test_bearer_is_short_for_bearer_token() -> None:
    assert from_mapping({"admin": {"auth": {"method": "bearer"}}}).admin.auth.method == "bearer_token"


@pytest.mark.parametrize(
    "bind", ["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/s", "127.0.0.1:1,unix:/s", ["unix:/s", "127.1.2.3:1"]]
)
def test_no_admin_credential_on_loopback_only(bind: object) -> None:
    admin = {"auth": {"method": "none"}}
    assert from_mapping({"server": {"bind_address": bind}, "admin": admin}).admin.auth.method == "none"
    with pytest.raises(ConfigError, match="must not be none while"):
        from_mapping({"server": {"bind_address": f"{bind if isinstance(bind, str) else bind[0]},h:1"}, "admin": admin})  # type: ignore[index]


def test_an_unreadable_bind_address_is_told_once() -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping({"server": {"bind_address": "nowhere"}, "admin": {"auth": {"method": "none"}}})
    assert [problem.key for problem in caught.value.problems] == ["server.bind_address"]


@pytest.mark.parametrize(("value", "shown"), [(60, 60), ("2m", 120), (0.5, 0.5), ("500ms", 0.5)])
def test_seconds_in_a_keys_name_are_shown_as_a_number(value: object, shown: float) -> None:
    config = from_mapping({"circuit_breaker": {"timeout_seconds": value}})
    assert masked(config)["circuit_breaker"]["timeout_seconds"] == shown
    assert config.circuit_breaker.timeout_seconds == shown
    assert from_mapping(masked(config)) == config


def test_a_long_name_where_long_names_are_allowed() -> None:
    name = "n" * 300
    backends = [{"name": name, "url": "http://h"}]
    with pytest.raises(ConfigError, match="longer than 256 characters"):
        from_mapping({"backends": backends})
    allowed = from_mapping({"backends": backends, "admin": {"max_backend_name_length": 300}})
    assert allowed.backends == [BackendConfig(name=name, url="http://h")]


def test_a_prompt_is_not_larger_than_a_mebibyte() -> None:
    at_most = "é" * (512 * 1024)
    assert from_mapping({"global_prompts": {"default": at_most}}).global_prompts.default == at_most
    with pytest.raises(ConfigError, match="must not be larger than 1 MiB"):
        from_mapping({"global_prompts": {"models": {"m": {"prompt": at_most + "é"}}}})


@pytest.mark.parametrize("name", ["a.md", "./a.txt", "deep/er/a.md", "a..b.md"])
def test_names_of_prompt_files(name: str) -> None:
    assert from_mapping({"global_prompts": {"default_file": name}}).global_prompts.default_file == name


@pytest.mark.parametrize(
    "name", ["/a.md", "../a.md", "a/../b.md", "~/a.md", "a\\b.md", ".md", "a", "a.yaml", "a\n.md", ""]
)
def test_names_that_lead_astray(name: str) -> None:
    with pytest.raises(ConfigError):
        from_mapping({"global_prompts": {"default_file": name}})


def test_a_key_outside_every_section() -> None:
    laid = overlay.from_environ({"CONTINUUM_MODEL_METADATA_FILE": "facts.yaml", "CONTINUUM_CONFIG": "c.yaml"})
    assert from_mapping({}, overlay=laid).model_metadata_file == "facts.yaml"
    assert Config().model_metadata_file is None
    assert from_mapping({"model_metadata_file": None}) == Config()


def test_secrets_of_the_new_sections_are_masked() -> None:
    data: dict[str, Any] = {
        "api_keys": {"api_keys": [{"key": "hidden-0"}]},
        "metrics": {"auth": {"token": "hidden-1"}, "otlp": {"endpoint": "http://o", "headers": {"X-Key": "hidden-2"}}},
        "admin": {"auth": {"token": "hidden-3", "password": "hidden-4", "api_key": "hidden-5"}},
        "storage": {"url": "redis://u:hidden-6@h"},
    }
    assert "hidden" not in f"{masked(from_mapping(data))}{from_mapping(data)!r}"


CHAINS = {
    "": {"a": ["b", "c"], "b": ["c"], "d": ["a"]},
    "a -> b -> a": {"a": ["b"], "b": ["a"]},
    "a -> b -> c -> a": {"a": ["x", "b"], "b": ["c"], "c": ["a"]},
    "a -> a": {"a": ["a"]},
}


@pytest.mark.parametrize("way", CHAINS)
def test_loops(way: str) -> None:
    assert loops(CHAINS[way], {}).get("a", "").removeprefix("must not lead back to itself: ") == way


def test_aliases_make_loops_too() -> None:
    chains = {"best": ["small"], "small": ["big"]}
    assert not loops(chains, {})
    assert set(loops(chains, {"best": "big"})) == {"best", "small"}


MODELS = st.sampled_from("abcdef")


@given(st.dictionaries(MODELS, st.lists(MODELS, min_size=1, max_size=3)))
def test_chains_that_are_accepted_end(chains: dict[str, list[str]]) -> None:
    """Following chains in every way either ends, or is refused."""
    refused = bool(loops(chains, {}))

    def endless(model: str, seen: tuple[str, ...]) -> bool:
        return model in seen or any(endless(each, (*seen, model)) for each in chains.get(model, ()))

    assert refused == any(endless(model, ()) for model in chains)
    if refused:
        with pytest.raises(ValueError, match="lead back to itself"):
            Fallback.model_validate({"fallback_chains": chains})
