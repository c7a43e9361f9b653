"""Configurations written in Python: the same rules, the same words, all faults at once."""

import pytest

from continuum import BackendConfigBuilder, BackendType, ConfigBuilder, ConfigError
from continuum.config import Config, from_mapping
from continuum.providers import PROVIDERS


def test_each_provider_has_its_type_and_its_constructor() -> None:
    assert [kind.value for kind in BackendType] == list(PROVIDERS)
    assert all(callable(getattr(BackendConfigBuilder, name)) for name in PROVIDERS)


def test_what_is_built_is_what_a_file_would_say() -> None:
    built = (
        ConfigBuilder()
        .bind_address("127.0.0.1:0")
        .selection_strategy("LeastInFlight")
        .enable_health_checks(on=False)
        .logging_level("debug")
        .alias("fast", "gpt-4o-mini")
        .default_model("fast")
        .set("retry.max_attempts", 2)
        .add_backend(BackendConfigBuilder.openai(key="sk-first").weight(3).header("x-team", "a"))
        .add_backend(BackendConfigBuilder.ollama("http://127.0.0.1:11434").name("desk").models("m").build())
        .add_backend(
            BackendConfigBuilder.azure("https://r.openai.azure.com", "k")
            .api_version("2024-06-01")
            .deployment("gpt-4o", "prod")
            .api_key("k1", "k2")
        )
        .add_backend(BackendConfigBuilder.vllm("http://h:8000").model("big", upstream="org/big").max_in_flight(8))
        .build()
    )
    assert built == from_mapping(
        {
            "server": {"bind_address": "127.0.0.1:0"},
            "logging": {"level": "debug"},
            "health_checks": {"enabled": False},
            "retry": {"max_attempts": 2},
            "routing": {
                "selection_strategy": "LeastInFlight",
                "aliases": {"fast": "gpt-4o-mini"},
                "default_model": "fast",
            },
            "backends": [
                {
                    "name": "openai",
                    "type": "openai",
                    "api_key": "sk-first",
                    "weight": 3,
                    "headers": {"x-team": "a"},
                },
                {"name": "desk", "type": "ollama", "url": "http://127.0.0.1:11434", "models": ["m"]},
                {
                    "name": "azure",
                    "type": "azure",
                    "url": "https://r.openai.azure.com",
                    "api_version": "2024-06-01",
                    "deployments": {"gpt-4o": "prod"},
                    "api_keys": ["k1", "k2"],
                },
                {
                    "name": "vllm",
                    "type": "vllm",
                    "url": "http://h:8000",
                    "models": [{"id": "big", "upstream": "org/big"}],
                    "max_in_flight": 8,
                },
            ],
        }
    )


def test_nothing_said_is_the_default() -> None:
    assert ConfigBuilder().build() == Config()


def test_every_fault_is_told_at_once() -> None:
    builder = (
        ConfigBuilder()
        .bind_address("nowhere")
        .set("retry.max_atempts", 2)
        .add_backend(BackendConfigBuilder.openai().weight(0))
        .add_backend(BackendConfigBuilder.openai("ftp://h"))
    )
    with pytest.raises(ConfigError) as caught:
        builder.build()
    assert {problem.key for problem in caught.value.problems} == {
        "server.bind_address",
        "retry.max_atempts",
        "backends.0.weight",
        "backends.1.url",
        "backends.1.name",
    }
    assert "did you mean 'max_attempts'" in caught.value.message


def test_a_backend_alone_is_judged_by_its_own_keys() -> None:
    with pytest.raises(ConfigError) as caught:
        BackendConfigBuilder.generic("http://169.254.169.254/").name("a b").api_key("sk-planted-secret\n").build()
    assert {problem.key for problem in caught.value.problems} == {"name", "url", "api_key"}
    assert "planted" not in str(caught.value)


def test_a_builder_shows_no_secret() -> None:
    builder = BackendConfigBuilder.openai(key="sk-planted-secret").header("authorization", "planted")
    assert "planted" not in repr(builder)
    assert "planted" not in repr(ConfigBuilder().add_backend(builder))
    assert "planted" not in repr(builder.build())
