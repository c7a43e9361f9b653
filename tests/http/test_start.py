"""What a start loads: its time and the process's memory are mostly packages that not every router needs."""

import re
import signal
from pathlib import Path

import httpx
import pytest
import trio
import yaml
from chat import ask, asked, client_of
from serving import Router, backend, config, open_router

from continuum.testing.upstream import open_upstream

LATE = {"quart", "quart_trio", "werkzeug", "hypercorn", "h2", "httpx", "httpcore", "rich"}
CERTAIN = {"continuum", "trio", "pydantic"}
TELL_IMPORTS = {"PYTHONPROFILEIMPORTTIME": "1"}
IMPORTED = r"^import time:.*\| +"


def loaded(router: Router) -> set[str]:
    """Top-level packages, as far as their lines were read."""
    return set(re.findall(IMPORTED + r"(\w+)", router.stderr, re.MULTILINE))


async def test_a_router_that_only_answers_calls_and_probes_loads_no_framework(tmp_path: Path) -> None:
    async with (
        open_upstream() as upstream,
        open_router(tmp_path, config(backend(upstream.url)), **TELL_IMPORTS) as router,
        client_of(router.url) as client,
    ):
        assert (await client.get("/ready")).status_code == 200
        assert (await ask(client, asked())).status == 200
        assert (await ask(client, asked(stream=True))).status == 200
    assert loaded(router) >= CERTAIN
    assert not loaded(router) & LATE


async def test_the_first_pages_load_what_they_need_and_are_answered(tmp_path: Path) -> None:
    """Also where several come at once, and while calls are answered."""
    answers: list[httpx.Response] = []
    async with (
        open_upstream() as upstream,
        open_router(tmp_path, config(backend(upstream.url)), **TELL_IMPORTS) as router,
        client_of(router.url) as client,
    ):

        async def look() -> None:
            answers.append(await client.get("/v1/models"))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(look)
            assert (await ask(client, asked())).status == 200
        assert (await client.get("/nowhere")).status_code == 404
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {answer.json()["data"][0]["id"] for answer in answers} == {"test-model"}
    assert "quart" in loaded(router)


@pytest.mark.parametrize("path", ["/", "/health", "/healthz", "/ready"])
async def test_probes_may_come_with_options(tmp_path: Path, path: str) -> None:
    """As HAProxy's do, unless told otherwise."""
    async with open_router(tmp_path, config()) as router, client_of(router.url) as client:
        answer = await client.options(path)
        refused = await client.delete(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert refused.status_code == 405
    assert answer.headers["allow"] == refused.headers["allow"] == "GET, HEAD, OPTIONS"


COLLECTING = """
import atexit, gc
from continuum.cli.main import main
atexit.register(lambda: print("collecting:", gc.isenabled(), "frozen:", gc.get_freeze_count() > 0))
main()
"""


def test_the_garbage_collector_rests_during_the_start_and_works_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "continuum.yaml"
    file.write_text(yaml.safe_dump(config()), encoding="utf-8")
    with Router(["-c", COLLECTING, "--mode", "http", "--config", str(file)], home=tmp_path) as router:
        router.wait_until_listening()
        router.wait_for_line("no model yet")
        router.signal(signal.SIGTERM)
        assert router.wait() == 0
    assert router.stdout == "collecting: True frozen: True"
