"""The store: one way in, versions that outlive the process, and failures that change nothing."""

import gc
import json
import os
import stat
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml
from hypothesis import given
from hypothesis import strategies as st

from continuum.config import Config, ConfigStore, from_mapping, open_file, open_memory, store_of
from continuum.config.expansion import Reference
from continuum.config.overlay import option
from continuum.config.version import from_line, to_line
from continuum.config.view import ADMIN_SECTIONS
from continuum.errors import ConfigError, ConfigLocked, InternalError, VersionConflict, VersionNotFound

BACKEND = {"name": "a", "url": "http://h"}


class Place:
    """A configuration file and the machine around it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "continuum.yaml"
        self.environ = {"HOME": str(folder)}
        self.write({"backends": [BACKEND]})

    def write(self, data: Mapping[str, Any] | str) -> None:
        self.file.write_text(data if isinstance(data, str) else yaml.safe_dump(dict(data)), encoding="utf-8")

    def open(self, **environ: str) -> ConfigStore:
        return open_file(self.file, environ={**self.environ, **environ})

    @property
    def log(self) -> Path:
        (found,) = self.file.parent.rglob("versions.log")
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def put(store: ConfigStore, section: str = "retry", **keys: Any) -> int:
    """Commit one section; the version in force afterwards."""
    return (await store.commit({section: keys}, source="api", user="admin")).version.number


async def test_versions_go_on_after_a_restart(place: Place) -> None:
    store = place.open()
    assert (store.current.number, store.current.source, store.current.user) == (1, "initial", "system")
    done = await store.commit({"retry": {"max_attempts": 7}}, source="api", user="ann", description="Less patience")
    assert (done.version.number, done.changed, done.applied) == (2, True, True)
    assert done.version.sections_changed == ("retry",)
    store.close()
    again = place.open()
    assert again.current.number == 2
    assert again.config.retry.max_attempts == 7
    assert [each.number for each in again.history()] == [2, 1]
    kept = again.version(2)
    assert (kept.user, kept.description, kept.timestamp) == ("ann", "Less patience", done.version.timestamp)
    with pytest.raises(VersionNotFound):
        again.version(3)
    again.close()


async def test_what_changes_nothing_makes_no_version(place: Place) -> None:
    store = place.open()
    assert await put(store) == 1
    assert await put(store, max_attempts=3) == 1, "the default, written out"
    assert await put(store, base_delay="200ms") == 2
    assert await put(store, base_delay="0.2s") == 3, "it is shown otherwise"
    store.close()


async def test_a_restart_with_another_file_takes_only_what_differs_there(place: Place) -> None:
    store = place.open()
    await put(store, max_attempts=7)
    store.close()
    place.write({"backends": [BACKEND], "logging": {"level": "debug"}})
    again = place.open()
    assert (again.current.number, again.current.source) == (3, "file_reload")
    assert again.current.sections_changed == ("logging",)
    assert (again.config.retry.max_attempts, again.config.logging.level) == (7, "debug")
    again.close()


async def test_every_fault_and_nothing_changed(place: Place) -> None:
    store = place.open()
    before = place.log.read_bytes()
    with pytest.raises(ConfigError) as refused:
        await store.commit({"retry": {"max_attempts": 0}, "logging": {"level": "loud"}}, source="api", user="admin")
    assert {problem.key for problem in refused.value.problems} == {"retry.max_attempts", "logging.level"}
    assert store.current.number == 1
    assert place.log.read_bytes() == before
    store.close()


async def test_rules_between_sections_are_judged_on_the_whole(place: Place) -> None:
    store = place.open()
    await put(store, "server", bind_address="0.0.0.0:80")
    with pytest.raises(ConfigError, match=r"admin\.auth\.method"):
        await put(store, "admin", auth={"method": "none"})
    store.close()


async def test_restart_only_keys_wait_and_say_so(place: Place) -> None:
    store = place.open()
    done = await store.commit({"server": {"max_connections": 7}}, source="api", user="admin")
    assert not done.applied
    assert ("server.max_connections", "Changing max_connections requires server restart") in [
        (each.key, each.rule) for each in done.warnings
    ]
    assert store.current.config.server.max_connections == 7
    assert store.config.server.max_connections == 4096
    assert store.config is not store.running, "another version"
    again = await store.commit({"server": {"max_connections": 7}}, source="api", user="admin")
    assert (again.changed, again.applied) == (False, False)
    assert (await store.commit({"server": {}}, source="api", user="admin")).applied
    await put(store, "server", max_connections=7)
    store.close()
    restarted = place.open()
    assert restarted.config.server.max_connections == 7
    assert (await restarted.commit({"server": {"max_connections": 7}}, source="api", user="admin")).applied
    restarted.close()


async def test_what_is_laid_over_is_never_stored(place: Place) -> None:
    layer = option("--log-level", "logging.level", "error")
    store = open_file(place.file, environ=place.environ, overlay=layer)
    done = await store.commit({"logging": {"level": "debug"}}, source="api", user="admin")
    assert (store.config.logging.level, store.current.config.logging.level) == ("error", "debug")
    assert [each.key for each in done.warnings if "--log-level" in each.rule] == ["logging.level"]
    assert not (await store.commit({"logging": {"level": "debug"}}, source="api", user="admin")).warnings
    store.close()
    assert "error" not in place.log.read_text()
    without = place.open()
    assert without.config.logging.level == "debug"
    without.close()


async def test_the_environment_is_kept_as_it_was_written(place: Place) -> None:
    place.write({"backends": [{**BACKEND, "api_key": "${KEY}"}]})
    store = place.open(KEY="sk-first-of-all")
    await put(store, max_attempts=7)
    store.close()
    assert "sk-first" not in place.log.read_text()
    rotated = place.open(KEY="sk-second")
    assert [key.reveal() for key in rotated.config.backends[0].keys] == ["sk-second"]
    assert [key.reveal() for key in rotated.version(1).config.backends[0].keys] == ["sk-second"]
    rotated.close()
    with pytest.raises(ConfigError, match="environment variable KEY is not set"):
        place.open()


async def test_a_version_whose_variable_is_gone_does_not_keep_an_edited_file_from_its_start(place: Place) -> None:
    place.write({"backends": [{**BACKEND, "api_key": "${KEY}"}]})
    place.open(KEY="sk-first-of-all").close()
    place.write({"backends": [BACKEND], "retry": {"max_attempts": 9}})
    store = place.open()
    assert (store.current.number, store.config.backends[0].keys, store.config.retry.max_attempts) == (2, [], 9)
    assert store.current.sections_changed == ("backends", "retry")
    store.close()


async def test_nothing_but_a_file_refers_to_the_environment(place: Place) -> None:
    store = place.open(KEY="sk-planted")
    await put(store, "routing", aliases={"$env": "${KEY}", "b": "${KEY}"})
    store.close()
    again = place.open(KEY="sk-planted")
    assert again.config.routing.aliases == {"$env": "${KEY}", "b": "${KEY}"}
    again.close()


async def test_if_match(place: Place) -> None:
    store = place.open()
    await store.commit({"retry": {"jitter": False}}, source="api", user="admin", if_match=1)
    with pytest.raises(VersionConflict):
        await store.commit({"retry": {}}, source="api", user="admin", if_match=1)
    assert store.current.number == 2
    store.close()


async def test_one_process_writes_and_the_next_takes_over(place: Place) -> None:
    first, second = place.open(), place.open()
    assert (first.held, second.held) == (True, False)
    with pytest.raises(ConfigLocked) as refused:
        await put(second, max_attempts=9)
    assert refused.value.details == {"pid": os.getpid()}
    await put(first, max_attempts=7)
    await second.follow()
    assert (second.current.number, second.config.retry.max_attempts) == (2, 7)
    first.close()
    assert await put(second, max_attempts=8) == 3
    second.close()


async def test_writers_stand_in_line(place: Place) -> None:
    store = place.open()
    numbers: list[int] = []

    async def write(attempts: int) -> None:
        numbers.append(await put(store, max_attempts=attempts))

    async with trio.open_nursery() as nursery:
        for attempts in range(10, 30):
            nursery.start_soon(write, attempts)
    assert sorted(numbers) == list(range(2, 22))
    assert len(place.log.read_bytes().splitlines()) == 21
    store.close()


async def test_history_is_bounded_in_memory_and_on_disk(place: Place) -> None:
    place.write({"backends": [BACKEND], "admin": {"max_history_entries": 5}})
    store = place.open()
    for attempts in range(10, 60):
        await put(store, max_attempts=attempts)
    assert [each.number for each in store.history()] == [51, 50, 49, 48, 47]
    assert len(place.log.read_bytes().splitlines()) <= 10
    store.close()
    again = place.open()
    assert [each.number for each in again.history()] == [51, 50, 49, 48, 47]
    assert again.config.retry.max_attempts == 59
    again.close()


async def test_many_versions_take_no_more_room_than_few(place: Place) -> None:
    """In memory and on disk. What each costs in time: benchmarks/writes.py."""
    place.write({"backends": [BACKEND], "admin": {"max_history_entries": 5}})
    store = place.open()
    room: list[tuple[int, int]] = []
    tracemalloc.start()
    try:
        for round_ in range(3):
            largest = 0
            for number in range(15):
                await put(store, "routing", aliases={"a": f"m-{round_}-{number:02}"})
                largest = max(largest, place.log.stat().st_size)
            gc.collect()
            room.append((tracemalloc.get_traced_memory()[0], largest))
    finally:
        tracemalloc.stop()
    store.close()
    _, (early, _), (late, largest) = room
    assert late < early + 20_000, "fifteen versions later"
    assert largest < 12 * max(map(len, place.log.read_bytes().splitlines())), "twice what is kept, and one more"


async def test_a_folder_that_cannot_be_written(place: Place) -> None:
    """It is served all the same, and the next number is right once it can be."""
    blocked = place.file.parent / ".local"
    blocked.write_text("a file where the folder should be")
    store = place.open()
    assert store.config.backends[0].name == "a"
    with pytest.raises(InternalError):
        await put(store, max_attempts=7)
    assert (store.current.number, store.config.retry.max_attempts) == (1, 3)
    blocked.unlink()
    assert await put(store, max_attempts=8) == 2
    store.close()
    again = place.open()
    assert [each.number for each in again.history()] == [2, 1]
    again.close()


async def test_subscribers_see_the_latest(place: Place) -> None:
    store = place.open()
    configs, versions = store.subscribe(), store.changes()
    for attempts in (7, 8):
        await put(store, max_attempts=attempts)
    seen = await anext(configs)
    assert seen.retry.max_attempts == 8
    seen.retry.max_attempts = 1
    assert store.config.retry.max_attempts == 8, "a copy"
    assert (await anext(versions)).number == 3
    store.close()
    assert [each async for each in versions] == []


async def test_only_its_owner_reads_what_is_kept(place: Place) -> None:
    store = place.open()
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in place.log.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(place.log.parent.stat().st_mode) == 0o700
    store.close()


def configuration() -> Mapping[str, Any]:
    backend = {**BACKEND, "api_key": "sk-1", "headers": {"x-a": "b"}, "models": ["m", {"id": "n", "upstream": "o"}]}
    key = {"key": "k-1", "expires_at": "2027-01-31T12:00:00Z", "scopes": ["read"]}
    return {
        "backends": [backend],
        "api_keys": {"api_keys": [key]},
        "timeouts": {"idle": "1m", "model_overrides": {"x*": {"standard": {"total": 5}}}},
        "server": {"max_request_body": "10MB", "tls": {"cert_file": "c", "key_file": "k"}},
        "circuit_breaker": {"timeout_seconds": 5, "backends": {"a": {"failure_threshold": 9}}},
        "acp": {"mcp_servers": [{"name": "m", "command": "c", "env": {"A": "b"}}]},
    }


def test_a_configuration_made_in_code_is_the_same_in_its_store() -> None:
    config = from_mapping(configuration())
    assert store_of(config).config == config
    assert store_of(Config()).config == Config()


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.builds(Reference, st.text()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$env", "a", "b"]) | st.text(), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(ADMIN_SECTIONS), PLAIN, max_size=3))
def test_whatever_is_stored_is_read_back_as_it_was(sections: Mapping[str, Any]) -> None:
    store = open_memory({})
    current = store.current
    version = replace(current, stored={**current.stored, **sections})
    line = to_line(version)
    assert b"\n" not in line
    read = from_line(line, version.build)
    assert read == version
    assert json.loads(line)["version"] == 1
