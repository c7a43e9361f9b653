"""The configuration file edited while the real process works: no request notices but by what it asked for."""

import os
import re
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml
from chat import TEXT, Received, ask, asked, client_of
from patience import PATIENCE_S, promised
from serving import Router, backend, config, open_router

from continuum.testing.upstream import Stream, Wait, open_upstream

EFFECTIVE_WITHIN = 1.0
FILE = "continuum-under-test.yaml"


def rewrite(home: Path, configuration: Mapping[str, Any] | str) -> None:
    """As an editor does: a new file put in the old one's place."""
    text = configuration if isinstance(configuration, str) else yaml.safe_dump(dict(configuration))
    beside = home / "beside.tmp"
    beside.write_text(text, encoding="utf-8")
    beside.replace(home / FILE)


def overwrite(home: Path, configuration: Mapping[str, Any]) -> None:
    """In place."""
    (home / FILE).write_text(yaml.safe_dump(dict(configuration)), encoding="utf-8")


async def seconds_until_served(router: Router, model: str) -> float:
    """How long it takes until a model is listed."""
    began = trio.current_time()
    async with client_of(router.url) as client:
        with trio.fail_after(PATIENCE_S):
            while (await client.get(f"/v1/models/{model}")).status_code != 200:
                await trio.lowlevel.checkpoint()
    return trio.current_time() - began


async def logged(router: Router, pattern: str) -> re.Match[str]:
    return await trio.to_thread.run_sync(router.wait_for_line, pattern)


@pytest.mark.slow
async def test_a_hundred_reloads_under_load_fail_no_request(tmp_path: Path) -> None:
    """The backend that is taken away each time has just been answering; one stream of it goes on to the end."""
    reloads, clients = 100, 6
    gate, done = trio.Event(), False
    times: list[float] = []
    answered: list[Received] = []
    async with open_upstream() as one, open_upstream() as two, open_upstream() as long:

        def version(number: int) -> Mapping[str, Any]:
            upstream = (one, two)[number % 2]
            return config(
                backend(upstream.url, f"b{number % 3}", models=["test-model", f"v{number}"]),
                retry={"max_attempts": 2 + number % 2},
                routing={"selection_strategy": ("RoundRobin", "LeastInFlight")[number % 2]},
            )

        start = version(0)
        start["backends"].append(backend(long.url, "leaving", models=["long"]))
        async with open_router(tmp_path, start) as router, client_of(router.url) as client:

            async def load(number: int) -> None:
                while not done:
                    answered.append(await ask(client, asked(stream=bool(number % 2))))

            async def stream() -> None:
                answered.append(await ask(client, asked(model="long", stream=True)))

            async with trio.open_nursery() as nursery:
                long.push(Stream((TEXT[:4], Wait(gate), TEXT[4:])))
                nursery.start_soon(stream)
                await long.next_call()
                for number in range(clients):
                    nursery.start_soon(load, number)
                for number in range(1, reloads + 1):
                    (rewrite if number % 4 else overwrite)(tmp_path, version(number))
                    times.append(await seconds_until_served(router, f"v{number}"))
                gate.set()
                done = True
            assert (await client.get("/v1/models/long")).status_code == 404
            assert "Traceback" not in router.stderr
    assert len(answered) > reloads
    assert {received.status for received in answered} == {200}
    assert {received.text for received in answered} == {TEXT}
    assert all(received.is_whole() for received in answered)
    assert sorted(times)[reloads // 10] < EFFECTIVE_WITHIN, "the time itself: the others are also the load's"
    assert max(times) < promised(EFFECTIVE_WITHIN)


FAULTY: Mapping[str, str] = {
    "broken": "backends: [1, 2\n",
    "half written": "",
    "invalid": "logging: {level: debug}\nretry: {max_attempts: 0}\n",
    "unknown": "logging: {level: debug}\nbackend: []\n",
}


async def test_a_faulty_file_changes_nothing_and_says_so(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        good = config(backend(upstream.url))
        async with open_router(tmp_path, good) as router, client_of(router.url) as client:
            for text in FAULTY.values():
                lines = len(router.stderr.splitlines())
                rewrite(tmp_path, text)
                await new_line(router, lines, "the configuration in force stays as it is: .*" + FILE)
                assert (await ask(client, asked())).is_whole()
            lines = len(router.stderr.splitlines())
            (tmp_path / FILE).unlink()
            await new_line(router, lines, "no such file")
            assert (await client.get("/health")).status_code == 200
            assert (await ask(client, asked())).is_whole()
            good["backends"][0]["models"].append("another")
            rewrite(tmp_path, good)
            assert await seconds_until_served(router, "another") < promised(EFFECTIVE_WITHIN)
            told = [line for line in router.stderr.splitlines() if "stays as it is" in line]
            assert len(told) == len(FAULTY) + 1
            assert "version 2" in (await logged(router, "the configuration file has changed: .*")).group()


async def new_line(router: Router, after: int, pattern: str) -> None:
    with trio.fail_after(PATIENCE_S):
        while not any(re.search(pattern, line) for line in router.stderr.splitlines()[after:]):
            await trio.lowlevel.checkpoint()


async def test_a_mounted_folder_whose_links_are_turned(tmp_path: Path) -> None:
    """As Kubernetes writes a ConfigMap: FILE -> ..data/FILE, ..data -> a folder of its own for each state."""
    async with open_upstream() as upstream:
        mount = tmp_path / "mount"
        mount.mkdir()

        def turn(name: str, *models: str) -> None:
            state = mount / name
            state.mkdir()
            (state / FILE).write_text(yaml.safe_dump(config(backend(upstream.url, models=models))))
            (mount / "..data_tmp").symlink_to(name)
            (mount / "..data_tmp").replace(mount / "..data")

        turn("..1", "first")
        (mount / FILE).symlink_to(f"..data/{FILE}")
        router = Router(["-m", "continuum", "--mode", "http", "--config", str(mount / FILE)], home=tmp_path)
        with router:
            await trio.to_thread.run_sync(router.wait_until_listening)
            for number in range(2, 5):
                turn(f"..{number}", f"model-{number}")
                shutil.rmtree(mount / f"..{number - 1}")
                assert await seconds_until_served(router, f"model-{number}") < promised(EFFECTIVE_WITHIN)


async def test_unwatched_it_is_read_on_sighup(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url), hot_reload={"enabled": False})
        async with open_router(tmp_path, configuration) as router:
            configuration["backends"][0]["models"].append("another")
            rewrite(tmp_path, configuration)
            router.signal(signal.SIGHUP)
            assert await seconds_until_served(router, "another") < promised(EFFECTIVE_WITHIN)


async def test_immediate_sections_retune_what_is_there(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url))
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            assert (await ask(client, asked())).is_whole()
            rewrite(tmp_path, {**configuration, "api_keys": {"mode": "blocking"}, "logging": {"format": "json"}})
            await logged(router, r'^\{"time".*"the configuration file has changed: version 2 \(logging, api_keys\)"')
            assert (await ask(client, asked())).status == 401
            rewrite(tmp_path, configuration)
            await logged(router, r"^[^{].*has changed: version 3 \(logging, api_keys\)")
            assert (await ask(client, asked())).is_whole()


async def test_what_needs_a_restart_waits_for_it(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url))
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            changed = {**configuration, "server": {**configuration["server"], "max_request_body": 20}}
            rewrite(tmp_path, {**changed, "cors": {"allow_origins": ["http://h"]}, "cache": {"model_list_ttl": 7}})
            await logged(router, "Changing max_request_body requires server restart")
            await logged(router, "cache takes effect after a restart")
            granted = await client.get("/health", headers={"origin": "http://h"})
            assert granted.headers["access-control-allow-origin"] == "http://h"
            assert (await ask(client, asked())).is_whole()
        rewrite(tmp_path, changed)
        async with open_router(tmp_path, changed) as router, client_of(router.url) as client:
            assert (await ask(client, asked())).status == 413


async def test_an_unchanged_backend_keeps_its_connection(tmp_path: Path) -> None:
    async with open_upstream() as kept, open_upstream() as other:
        configuration = config(backend(kept.url))
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            assert (await ask(client, asked())).is_whole()
            configuration["backends"][0]["weight"] = 7
            configuration["backends"].append(backend(other.url, "beta", models=["another"]))
            rewrite(tmp_path, configuration)
            await seconds_until_served(router, "another")
            assert (await ask(client, asked())).is_whole()
            assert [call.ordinal for call in kept.calls] == [1, 2], "the second on the connection of the first"


async def test_a_second_process_follows_and_takes_over(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url))
        async with open_router(tmp_path, configuration) as first:
            command = ["-m", "continuum", "--mode", "http", "--config", str(tmp_path / FILE)]
            with Router(command, home=tmp_path) as second:
                await trio.to_thread.run_sync(second.wait_until_listening)
                await logged(second, f"process {first.pid} holds this configuration")
                configuration["backends"][0]["models"].append("another")
                rewrite(tmp_path, configuration)
                await seconds_until_served(first, "another")
                assert await seconds_until_served(second, "another") < promised(3)
                os.kill(first.pid, signal.SIGKILL)
                await first.exited()
                configuration["backends"][0]["models"].append("third")
                rewrite(tmp_path, configuration)
                assert await seconds_until_served(second, "third") < promised(3)
                assert "version 3" in (await logged(second, "configuration file has changed.*")).group()
