"""The catalog of models: asked again and again, and what a server said last holds while it says nothing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from continuum.config import from_mapping
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import Hang, Plain, Raw, Upstream, Wait, open_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

LIST = "/v1/models"


@asynccontextmanager
async def catalog(*urls: str, ttl: str = "100ms", **more: Any) -> AsyncGenerator[Instance]:
    backends = [{"name": f"b{number}", "type": "openai", "url": url, **more} for number, url in enumerate(urls)]
    sections = {"cache": {"model_list_ttl": ttl}, "health_checks": {"enabled": False}}
    async with open_instance(from_mapping({"backends": backends, **sections})) as instance:
        yield instance


def ids(instance: Instance) -> list[str]:
    return [info.id for info in instance.models()]


async def looked_at(upstream: Upstream, times: int = 2) -> None:
    """Wait until the server was asked that often; the answers before the last one are known by then."""
    for _ in range(times):
        await upstream.next_look()


async def test_new_models_are_found_and_old_ones_forgotten() -> None:
    async with open_upstream(models=["one"]) as upstream, catalog(upstream.url) as instance:
        assert ids(instance) == ["one"]
        upstream.models = ("two", "three")
        await looked_at(upstream, 3)
        assert ids(instance) == ["two", "three"]
        assert instance.pool.catalog.serving("one") == []
        assert [served.name for served in instance.pool.catalog.serving("two")] == ["b0"]


@pytest.mark.parametrize("page", [Plain({}, 500), Plain(b"<html>"), Plain({"no": "list"}), Raw((Hang(),))])
async def test_a_failing_list_changes_nothing(page: Any) -> None:
    async with open_upstream(models=["one"]) as upstream, catalog(upstream.url) as instance:
        upstream.pages[LIST] = page
        await looked_at(upstream, 2 if page == Raw((Hang(),)) else 4)
        assert ids(instance) == ["one"]


async def test_one_backends_failure_is_not_anothers() -> None:
    async with open_upstream(models=["a"]) as failing, open_upstream(models=["b"]) as good:
        failing.pages[LIST] = Plain({}, 503)
        async with catalog(failing.url, good.url) as instance:
            assert ids(instance) == ["b"]
            del failing.pages[LIST]
            await looked_at(failing, 3)
            assert ids(instance) == ["a", "b"]


async def test_configured_models_are_served_under_their_names_and_not_asked_for() -> None:
    models = ["plain", {"id": "nice", "upstream": "org/Ugly-Name"}]
    async with open_upstream() as upstream, catalog(upstream.url, models=models) as instance:
        assert ids(instance) == ["plain", "nice"]
        assert [served.upstream for served in instance.pool.catalog.serving("nice")] == ["org/Ugly-Name"]
    assert upstream.looks == []


async def test_a_refresh_uses_no_connection_of_a_call() -> None:
    async with open_upstream() as upstream, catalog(upstream.url):
        await looked_at(upstream, 3)
    assert len({look.connection for look in upstream.looks}) == len(upstream.looks)


async def test_a_list_may_come_when_its_backend_has_just_gone() -> None:
    gate = trio.Event()
    async with open_upstream(models=["one"]) as upstream, catalog(upstream.url) as instance:
        upstream.pages[LIST] = Raw((Wait(gate),))
        await looked_at(upstream)
        instance.pool.catalog.replace([])
        gate.set()
        await upstream.next_look()  # whoever asks is cancelled a moment later than the backend goes
        assert ids(instance) == []
