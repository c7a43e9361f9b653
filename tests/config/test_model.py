"""Sections declared once: what is read off them, and what the contract says they hold."""

from typing import Any

import pytest
from pydantic import ValidationError

import continuum.config
from continuum.config import SECTIONS, BackendConfig, Config, Group, Reload, Section, Timeouts, from_mapping
from continuum.config.model import SectionInfo
from continuum.config.shape import alternatives
from continuum.providers import PROVIDERS
from continuum.selection import STRATEGIES


def groups(group: type[Group]) -> set[type[Group]]:
    """The group and every group below it."""
    below = {
        each
        for field in group.model_fields.values()
        for outer in alternatives(field.annotation)
        for each in (outer, *(inner for arg in getattr(outer, "__args__", ()) for inner in alternatives(arg)))
        if isinstance(each, type) and issubclass(each, Group)
    }
    return {group}.union(*(groups(each) for each in below))


ALL_GROUPS = sorted(groups(Config), key=lambda group: group.__name__)


def test_the_sections_and_their_order() -> None:
    shown = [(name, info.reload.value) for name, info in SECTIONS.items() if info.admin]
    assert shown == [
        ("server", "requires_restart"),
        ("backends", "gradual"),
        ("logging", "immediate"),
        ("rate_limiting", "immediate"),
        ("circuit_breaker", "immediate"),
        ("retry", "immediate"),
        ("timeouts", "gradual"),
        ("health_checks", "gradual"),
        ("global_prompts", "immediate"),
        ("fallback", "gradual"),
        ("files", "gradual"),
        ("api_keys", "immediate"),
        ("metrics", "gradual"),
        ("admin", "gradual"),
        ("routing", "gradual"),
    ]
    of_the_file = [name for name, info in SECTIONS.items() if not info.admin]
    assert of_the_file == ["acp", "hot_reload", "storage", "cache", "cors", "tracing", "webui"]
    assert list(Config.model_fields) == [*SECTIONS, "model_metadata_file"]
    assert [name for name, info in SECTIONS.items() if info.many] == ["backends"]


@pytest.mark.parametrize("info", SECTIONS.values(), ids=lambda info: info.name)
def test_a_section_describes_itself(info: SectionInfo) -> None:
    assert info.description.endswith(".")
    assert "\n" not in info.description


@pytest.mark.parametrize("group", ALL_GROUPS, ids=lambda group: group.__name__)
def test_every_key_is_described_and_no_group_is_lax(group: type[Group]) -> None:
    assert group.__doc__
    assert group.model_config.get("extra") == "forbid"
    assert group.model_config.get("strict") is True
    assert group.model_config.get("hide_input_in_errors") is True
    for name, field in group.model_fields.items():
        holds_group = any(isinstance(each, type) and issubclass(each, Group) for each in alternatives(field.annotation))
        assert field.description or holds_group or name in SECTIONS, f"{group.__name__}.{name} has no description"


def test_a_new_section_needs_nothing_but_its_class() -> None:
    class Shiny(Section, reload=Reload.IMMEDIATE):
        """A section made here.

        More.
        """

        size: int = 1

    assert Shiny.reload is Reload.IMMEDIATE
    assert Shiny.admin is True
    assert SectionInfo("shiny", Shiny, many=False).description == "A section made here."


def test_defaults_need_nothing() -> None:
    config = Config()
    assert config.backends == []
    assert config == from_mapping({})
    assert config == from_mapping({"server": None, "backends": None, "acp": None})


def test_two_configurations_share_nothing() -> None:
    first, second = Config(), Config()
    first.backends.append(BackendConfig(name="a", url="http://h"))
    first.routing.aliases["x"] = "y"
    first.acp.permissions.auto_allow.clear()
    assert second == Config()


def test_the_short_strategy_key() -> None:
    name = next(iter(STRATEGIES))
    config = from_mapping({"selection_strategy": name, "routing": {"default_model": "m"}})
    assert (config.selection_strategy, config.routing.default_model) == (name, "m")
    config.selection_strategy = "other"
    assert config.routing.selection_strategy == "other"


def test_a_plain_dump_makes_the_same_configuration() -> None:
    config = from_mapping(
        {
            "backends": [
                {"name": "a", "url": "http://h", "api_key": "k", "headers": {"X": "y"}, "models": ["m", {"id": "n"}]}
            ],
            "timeouts": {"idle": "5m", "model_overrides": {"g*": {"standard": {"total": "1h"}}}},
        }
    )
    assert from_mapping(config.model_dump()) == config


def backend(**given: Any) -> BackendConfig:
    return from_mapping({"backends": [{"name": "a", "url": "http://h:1/v1/", **given}]}).backends[0]


def test_a_backends_base() -> None:
    assert backend().base == "http://h:1"
    assert (
        backend(url="http://127.0.0.1:{port}/v1", managed={"command": ["x", "--port={port}"]}).base
        == "http://127.0.0.1:{port}"
    )
    defaulted = next(name for name, provider in PROVIDERS.items() if provider.default_url)
    assert backend(url=None, type=defaulted).base.startswith("https://")


def test_a_backends_keys() -> None:
    assert [key.reveal() for key in backend(api_key="one").keys] == ["one"]
    assert [key.reveal() for key in backend(api_keys=["one", "two"]).keys] == ["one", "two"]
    assert backend().keys == []


def test_a_backends_models() -> None:
    entries = backend(models=["m", {"id": "n"}, {"id": "o", "upstream": "p"}]).entries
    assert [(entry.id, entry.upstream) for entry in entries] == [("m", "m"), ("n", "n"), ("o", "p")]


def test_timeouts_of_a_model() -> None:
    timeouts = Timeouts.model_validate(
        {
            "request": {"standard": {"total": 100}},
            "model_overrides": {
                "gpt-*": {"streaming": {"total": "20m"}},
                "gpt-5": {"standard": {"first_byte": "1s"}, "streaming": {"hold_head": 0}},
            },
        }
    )
    assert timeouts.of("llama") is timeouts.request
    general = timeouts.of("gpt-4")
    assert (general.streaming.total, general.streaming.first_byte, general.standard.total) == (1200, 120, 100)
    exact = timeouts.of("gpt-5")
    assert (exact.standard.first_byte, exact.standard.total, exact.streaming.hold_head) == (1, 100, 0)
    assert exact.streaming.total == 3600


def test_constructors_tell_every_fault_and_no_input() -> None:
    with pytest.raises(ValidationError) as caught:
        BackendConfig(name="a b", url="http://u:hidden@h", api_key="hidden\n", weight=0)
    assert caught.value.error_count() == 4
    assert "hidden" not in str(caught.value)
    with pytest.raises(ValidationError, match="another backend has this name"):
        Config(backends=[BackendConfig(name="a", url="http://h"), BackendConfig(name="a", url="http://i")])


def test_public_names_are_there() -> None:
    for name in continuum.config.__all__:
        assert getattr(continuum.config, name) is not None
    assert set(continuum.config.__all__) <= set(dir(continuum.config))
    with pytest.raises(AttributeError):
        _ = continuum.config.nothing
