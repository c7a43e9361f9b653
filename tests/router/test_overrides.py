"""What a builder says holds over every configuration that comes later, whatever its source; what it does not say is
the configuration's.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from chat import MODEL, asked
from patience import PATIENCE_S

from continuum import Config, ConfigError, ConfigStore, ContinuumRouter, RouterBuilder
from continuum.config import from_mapping, open_file
from continuum.testing.upstream import Plain, open_upstream

SWITCHES = {
    "enable_health_checks": "health_checks",
    "enable_circuit_breaker": "circuit_breaker",
    "enable_metrics": "metrics",
    "enable_files_api": "files",
    "enable_hot_reload": "hot_reload",
}


@pytest.mark.parametrize("method", SWITCHES)
@pytest.mark.parametrize("wanted", [True, False])
async def test_a_switch_beats_what_is_written(method: str, *, wanted: bool) -> None:
    section = SWITCHES[method]
    builder = ContinuumRouter.from_config(from_mapping({section: {"enabled": not wanted}}))
    router = await switched(builder, method, on=wanted).build()
    assert getattr(router.state().current_config(), section).enabled is wanted
    await router.shutdown()


@pytest.mark.parametrize("section", SWITCHES.values())
async def test_nothing_said_is_as_written(section: str) -> None:
    for written in (True, False):
        router = await ContinuumRouter.from_config(from_mapping({section: {"enabled": written}})).build()
        assert getattr(router.state().current_config(), section).enabled is written
        await router.shutdown()
    router = await ContinuumRouter.from_config(Config()).build()
    assert getattr(router.state().current_config(), section).enabled is True
    await router.shutdown()


def switched(builder: RouterBuilder, method: str, *, on: bool) -> RouterBuilder:
    made: RouterBuilder = getattr(builder, method)(on)
    assert made is builder
    return made


async def test_it_holds_after_a_reload_a_commit_and_an_admin_write(tmp_path: Path) -> None:
    file = tmp_path / "continuum.json"
    write(file, {"health_checks": {"enabled": False}, "circuit_breaker": {"enabled": False}})
    builder = (await ContinuumRouter.from_config_file(file)).enable_health_checks(on=False).enable_circuit_breaker()
    async with trio.open_nursery() as nursery:
        router = await builder.build()
        (url,) = await nursery.start(router.serve, "127.0.0.1:0")
        handle = router.config_handle()
        assert handle is not None
        changes = handle.subscribe()
        write(file, {"health_checks": {"enabled": True}, "circuit_breaker": {"enabled": False, "failure_threshold": 9}})
        with trio.fail_after(PATIENCE_S):
            seen = await anext(changes)
        assert seen.health_checks.enabled, "what is written is what is shown"
        held(router, failure_threshold=9)
        config = await handle.get_config()
        config.circuit_breaker.failure_threshold = 8
        config.circuit_breaker.enabled = False
        await handle.set_config(config)
        held(router, failure_threshold=8)
        headers = {"authorization": f"Bearer {router.admin_token}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
            changed = {"config": {"enabled": True, "failure_threshold": 7}}
            answer = (await client.put("/admin/config/circuit_breaker", json=changed)).raise_for_status().json()
        assert any("enable_circuit_breaker" in str(warning) for warning in answer["warnings"])
        held(router, failure_threshold=7)
        await router.shutdown()


def held(router: ContinuumRouter, *, failure_threshold: int) -> None:
    config = router.state().current_config()
    assert not config.health_checks.enabled
    assert router.state().health_checker is None
    assert config.circuit_breaker.enabled
    assert config.circuit_breaker.failure_threshold == failure_threshold


async def test_a_breaker_that_is_switched_on_works() -> None:
    """The layer reaches what runs, not only what is shown."""
    async with open_upstream(Plain({}, 500)) as upstream:
        entry = {"name": "a", "type": "openai", "url": upstream.url, "models": [MODEL]}
        sections = {"circuit_breaker": {"enabled": False, "failure_threshold": 1}, "retry": {"max_attempts": 1}}
        config = from_mapping({"backends": [entry], "health_checks": {"enabled": False}, **sections})
        codes: list[str] = []
        for builder in (
            ContinuumRouter.from_config(config),
            ContinuumRouter.from_config(config).enable_circuit_breaker(),
        ):
            async with await builder.build() as router:
                for _ in range(2):
                    try:
                        await router.chat(asked())
                    except Exception as fault:  # noqa: BLE001 - both kinds are looked at
                        codes.append(getattr(fault, "code", ""))
    assert codes == ["upstream_error", "upstream_error", "upstream_error", "circuit_open"]


@pytest.mark.parametrize("on", [True, False])
async def test_metrics_are_there_or_not(*, on: bool) -> None:
    router = await switched(ContinuumRouter.from_config(Config()), "enable_metrics", on=on).build()
    async with router:
        transport = httpx.ASGITransport(router.asgi())
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/metrics")).status_code == (200 if on else 404)


async def test_relative_names_start_where_the_builder_says(tmp_path: Path) -> None:
    for name in ("beside-the-file", "elsewhere"):
        (tmp_path / name / "prompts").mkdir(parents=True)
        (tmp_path / name / "prompts" / "system.md").write_text(f"from {name}")
    async with open_upstream() as upstream:
        entry = {"name": "a", "type": "openai", "url": upstream.url, "models": [MODEL]}
        file = tmp_path / "beside-the-file" / "continuum.json"
        write(file, {"backends": [entry], "global_prompts": {"default_file": "system.md"}})
        for folder in (None, tmp_path / "elsewhere"):
            builder = (await ContinuumRouter.from_config_file(file)).enable_health_checks(on=False)
            if folder is not None:
                builder.with_config_dir(folder)
            async with await builder.build() as router:
                await router.chat(asked())
        prompts = [call.json["messages"][0]["content"] for call in upstream.calls]
    assert prompts == ["from beside-the-file", "from elsewhere"]


async def test_hot_reload_off_leaves_the_file_alone_and_set_config_works(tmp_path: Path) -> None:
    file = tmp_path / "continuum.json"
    write(file, {})
    router = await (await ContinuumRouter.from_config_file(file)).enable_hot_reload(on=False).build()
    handle = router.config_handle()
    assert handle is not None
    assert not handle.hot_reload_enabled
    async with router:
        config = await handle.get_config()
        config.retry.max_attempts = 7
        await handle.set_config(config)
        assert router.state().current_config().retry.max_attempts == 7


async def test_it_holds_over_an_attached_store(tmp_path: Path) -> None:
    file = tmp_path / "continuum.json"
    write(file, {"metrics": {"enabled": True}})
    store: ConfigStore = open_file(file, environ={}, keep=False)
    router = await ContinuumRouter.from_config(Config()).with_config_store(store).enable_metrics(on=False).build()
    assert router.config_handle() is store
    assert not router.state().current_config().metrics.enabled
    await router.shutdown()


async def test_the_environment_is_read_for_files_and_discovery_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTINUUM_RETRY__MAX_ATTEMPTS", "6")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    file = tmp_path / "continuum.json"
    backend = {"name": "a", "type": "openai", "api_key": "${OPENAI_API_KEY}"}
    write(file, {"backends": [backend]})
    asked_of = {
        "from_config": ContinuumRouter.from_config(from_mapping({"backends": [backend]})),
        "from_config_file": await ContinuumRouter.from_config_file(file),
        "discover": await ContinuumRouter.discover(),
    }
    for name, builder in asked_of.items():
        router = await builder.build()
        config = router.state().current_config()
        read = name != "from_config"
        assert config.retry.max_attempts == (6 if read else Config().retry.max_attempts)
        assert config.backends[0].api_key is not None
        assert (config.backends[0].api_key.reveal() == "sk-from-the-environment") is read
        assert (router.config_handle() is not None) is read
        await router.shutdown()


async def test_a_file_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "continuum.json"
    with pytest.raises(ConfigError, match=r"no such file|cannot be read"):
        await ContinuumRouter.from_config_file(file)
    write(file, {"retry": {"max_attempts": 0}, "nonsense": 1})
    with pytest.raises(ConfigError) as caught:
        await ContinuumRouter.from_config_file(str(file))
    assert len(caught.value.problems) == 2


def write(file: Path, data: dict[str, Any]) -> None:
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(data) or "{}", encoding="utf-8")
    beside.replace(file)
