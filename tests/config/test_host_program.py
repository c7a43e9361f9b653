"""The store as a host program has it: a copy to edit, one way to put it in force, and news of every change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import trio
import yaml

from continuum.config import BackendConfig, Config, ConfigStore, from_mapping, open_file, store_of
from continuum.config.builder import BackendType
from continuum.config.ledger import Deed
from continuum.errors import ConfigError

KEY = "sk-from-the-environment"
GIVEN = {
    "backends": [{"name": "a", "url": "http://h", "api_key": "${KEY}", "models": ["m", {"id": "n", "upstream": "o"}]}],
    "timeouts": {"idle": "1m"},
    "retry": {"max_attempts": 3},
    "server": {"max_request_body": "10MB"},
    "cors": {"allow_origins": ["http://page"]},
}


def opened(folder: Path) -> ConfigStore:
    file = folder / "continuum.yaml"
    if not file.exists():
        file.write_text(yaml.safe_dump(GIVEN), encoding="utf-8")
    return open_file(file, environ={"HOME": str(folder), "KEY": KEY})


def kept(folder: Path) -> str:
    (log,) = folder.rglob("versions.log")
    return log.read_text()


async def test_a_copy_is_free_to_change(tmp_path: Path) -> None:
    store = opened(tmp_path)
    copy = await store.get_config()
    copy.backends.clear()
    copy.timeouts.idle = 7
    assert ([each.name for each in store.config.backends], store.config.timeouts.idle) == (["a"], 60)
    assert (await store.get_config()).backends[0].name == "a"
    store.close()


async def test_what_is_set_is_in_force_and_a_version(tmp_path: Path) -> None:
    store = opened(tmp_path)
    config = await store.get_config()
    config.backends.append(BackendConfig(name="b", url="http://other", type=BackendType.OPENAI.value))
    done = await store.set_config(config)
    assert (done.version.number, done.changed, done.applied) == (2, True, True)
    assert (done.version.source, done.version.user) == ("api", "library")
    assert done.version.sections_changed == ("backends",)
    assert [each.name for each in store.config.backends] == ["a", "b"]
    store.close()
    again = opened(tmp_path)
    assert [each.name for each in again.config.backends] == ["a", "b"]
    assert again.current.number == 2
    again.close()
    assert KEY not in kept(tmp_path), "still a reference"


async def test_what_was_got_and_not_changed_makes_no_version(tmp_path: Path) -> None:
    store = opened(tmp_path)
    done = await store.set_config(await store.get_config())
    assert (done.version.number, done.changed) == (1, False)
    store.close()
    made_in_code = store_of(Config())
    assert not (await made_in_code.set_config(Config())).changed


IN_PLACE: list[tuple[Callable[[Config], object], tuple[str, ...]]] = [
    (lambda c: setattr(c.logging, "level", "debug"), ("logging",)),
    (lambda c: setattr(c, "selection_strategy", "Random"), ("routing",)),
    (lambda c: c.routing.aliases.update(x="m"), ("routing",)),
    (lambda c: c.admin.ip_whitelist.append("127.0.0.1"), ("admin",)),
    (lambda c: setattr(c.timeouts.request.standard, "total", "7s"), ("timeouts",)),
    (lambda c: setattr(c.backends[0], "type", BackendType.VLLM), ("backends",)),
    (lambda c: setattr(c.backends[0], "weight", 9), ("backends",)),
    (lambda c: c.backends.append(cast("Any", {"name": "b", "url": "http://b"})), ("backends",)),
    (lambda c: setattr(c, "retry", from_mapping({"retry": {"max_attempts": 9}}).retry), ("retry",)),
    (lambda c: setattr(c.logging, "file", "/var/log/mine"), ("logging",)),  # the file's own, elsewhere
]


@pytest.mark.parametrize(("edit", "sections"), IN_PLACE)
async def test_edits_in_place_are_seen(edit: Callable[[Config], object], sections: tuple[str, ...]) -> None:
    """Whether or not the key, or what holds it, was written before."""
    store = store_of(from_mapping({"backends": [{"name": "a", "url": "http://h"}]}))
    config = await store.get_config()
    edit(config)
    assert (await store.set_config(config)).version.sections_changed == sections
    assert not (await store.set_config(await store.get_config())).changed


async def test_a_new_configuration_returns_what_it_does_not_say_to_its_default(tmp_path: Path) -> None:
    store = opened(tmp_path)
    await store.set_config(from_mapping({"backends": [{"name": "c", "url": "http://c"}]}))
    assert ([each.name for each in store.config.backends], store.config.timeouts.idle) == (["c"], 60)
    assert store.config.cors.allow_origins == ["http://page"], "no part of the versions"
    assert store.config.server.max_request_body == 10_000_000, "until the restart"
    store.close()


def edited(config: Config) -> None:
    config.retry.max_attempts = 0
    config.logging.level = cast("Any", "loud")
    config.backends.append(BackendConfig(name="a", url="http://twice"))


async def test_every_fault_and_the_old_one_stays(tmp_path: Path) -> None:
    store = opened(tmp_path)
    config = await store.get_config()
    edited(config)
    with pytest.raises(ConfigError) as refused:
        await store.set_config(config)
    assert {each.key for each in refused.value.problems} == {"retry.max_attempts", "logging.level", "backends.1.name"}
    assert (store.current.number, store.config.retry.max_attempts) == (1, 3)
    store.close()


@pytest.mark.parametrize(("name", "value"), [("backends", None), ("retry", None), ("retry", ""), ("backends", {})])
async def test_what_is_no_section(name: str, value: object) -> None:
    store = store_of(from_mapping({"backends": [{"name": "a", "url": "http://h"}]}))
    config = await store.get_config()
    setattr(config, name, value)
    with pytest.raises(ConfigError, match=rf"{name}: must be a (list|section)"):
        await store.set_config(config)
    assert len(store.config.backends) == 1


async def test_what_is_no_part_of_versions_is_refused(tmp_path: Path) -> None:
    """Rather than forgotten at the next start."""
    store = opened(tmp_path)
    config = await store.get_config()
    config.cors.allow_origins.append("http://another")
    with pytest.raises(ConfigError, match="cors: cannot be set here"):
        await store.set_config(config)
    store.close()


async def test_a_witness_is_told_of_what_is_set(tmp_path: Path) -> None:
    store = opened(tmp_path)
    deeds: list[Deed] = []
    store.tell_to(deeds.append)
    await store.set_config(await store.get_config())
    config = await store.get_config()
    config.retry.max_attempts = 9
    await store.set_config(config)
    (deed,) = deeds
    assert (deed.version, deed.source, deed.user, deed.peer, deed.sections) == (2, "api", "library", "", ("retry",))
    assert (deed.old.retry.max_attempts, deed.new.retry.max_attempts) == (3, 9)
    store.close()


async def test_what_the_file_says_beside_the_versions_is_got(tmp_path: Path) -> None:
    store = opened(tmp_path)
    (tmp_path / "continuum.yaml").write_text(yaml.safe_dump({**GIVEN, "cors": {"allow_origins": ["http://other"]}}))
    await store.reload()
    config = await store.get_config()
    assert config.cors.allow_origins == ["http://other"]
    assert not (await store.set_config(config)).changed
    store.close()


async def test_news_of_every_source_until_the_end(tmp_path: Path) -> None:
    store = opened(tmp_path)
    news = store.subscribe()
    into, seen = trio.open_memory_channel[int](0)

    async def read() -> None:
        async with into:
            async for config in news:
                await into.send(config.retry.max_attempts)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        config = await store.get_config()
        config.retry.max_attempts = 4
        await store.set_config(config)
        assert await seen.receive() == 4
        await store.commit({"retry": {"max_attempts": 5}}, source="api", user="admin")
        assert await seen.receive() == 5
        (tmp_path / "continuum.yaml").write_text(yaml.safe_dump({**GIVEN, "retry": {"max_attempts": 6}}))
        await store.reload()
        assert await seen.receive() == 6
        store.close()
        with pytest.raises(trio.EndOfChannel):
            await seen.receive()
