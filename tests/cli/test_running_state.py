"""`continuum backends list` beside a running router: what that one sees."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from chat import ask, asked, client_of
from command import invoke
from ports import free_port
from serving import Router, backend, config, open_router
from shaped import read

from continuum.cli.api import AdminRefused
from continuum.cli.shapes import Backends
from continuum.testing.upstream import FAULTS, open_upstream

TOKEN = "planted-admin-token-4711"
ADMIN = {"auth": {"method": "bearer_token", "token": TOKEN}}
FILE = "continuum-under-test.yaml"
LIST = ("backends", "list", "--config", FILE)


@asynccontextmanager
async def rig(home: Path) -> AsyncGenerator[Router]:
    """A router at the port that its file names, with one backend whose first failure opens its circuit."""
    async with open_upstream(FAULTS["status-500"].answer) as upstream:
        configuration = config(
            backend(upstream.url),
            server={"bind_address": f"127.0.0.1:{free_port()}"},
            admin=ADMIN,
            circuit_breaker={"failure_threshold": 1, "timeout_seconds": 600},
        )
        async with open_router(home, configuration) as router:
            yield router


async def listed(*arguments: str) -> tuple[str | None, Any, str]:
    """The router that was asked, how it sees the one backend, and what was said beside."""
    done = await invoke(*LIST, "--json", *arguments)
    assert done.exit_code == 0, done.stderr
    found = read(done.stdout, Backends)
    return found["router"], found["backends"][0]["live"], done.stderr


async def test_who_is_ejected_is_listed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig(home) as router, client_of(router.url) as client:
        where, live, _ = await listed()
        assert (where, live["circuit"], live["ejected"], live["tried_in"]) == (router.url, "closed", None, None)
        assert (await ask(client, asked())).status == 502
        _, live, _ = await listed()
        assert (live["circuit"], live["ejected"], live["consecutive_failures"]) == ("open", "circuit_open", 1)
        assert 400 < live["tried_in"] <= 600
        for_people = await invoke(*LIST)
        assert "circuit open, tried in " in for_people.stdout
        named = await listed("--url", router.url)
        assert named[0] == router.url

        monkeypatch.setenv("CONTINUUM_ADMIN_TOKEN", "wrong")
        where, live, said = await listed()
        assert (where, live) == (None, None), "what is configured is listed all the same"
        assert "UNAUTHORIZED" in said
    with pytest.raises(AdminRefused, match="no router answers"):
        await invoke(*LIST, "--url", router.url)


async def test_a_token_is_shown_to_routers_only(home: Path) -> None:
    async with open_upstream() as other:
        server = {"bind_address": other.url.removeprefix("http://")}
        configuration = config(backend(other.url), server=server, admin=ADMIN)
        (home / FILE).write_text(yaml.safe_dump(configuration))
        where, live, _ = await listed()
        assert (where, live) == (None, None)
        assert [look.header("authorization") for look in other.looks] == [None]
