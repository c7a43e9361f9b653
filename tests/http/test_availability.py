"""What clients see of backends that fall ill and of keys that are refused, through the real process."""

from pathlib import Path
from typing import Any

import pytest
import trio
from chat import ask, asked, client_of
from serving import Router, backend, config, open_router

from continuum.testing.upstream import Completion, Plain, Request, open_upstream, openai

LIST = "/v1/models"
TELLING = {"level": "debug"}
QUICK = {"interval": "50ms", "warmup_check_interval": "50ms"}
KEYS = ["sk-planted-first-key-1234", "sk-planted-second-key-5678"]


async def logged(router: Router, pattern: str) -> None:
    await trio.to_thread.run_sync(router.wait_for_line, pattern)


async def test_a_backend_that_falls_ill_is_left_out_until_it_is_well(tmp_path: Path) -> None:
    async with open_upstream() as ill, open_upstream() as good:
        configuration = config(backend(ill.url, "ill"), backend(good.url, "good"), health_checks=QUICK, logging=TELLING)
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            await logged(router, "backend ill is healthy")
            ill.pages[LIST] = Plain(openai.error("Broken."), 500)
            await logged(router, "backend ill is unhealthy, was healthy: it answers 500")
            answers = [await ask(client, asked()) for _ in range(4)]
            assert [each.headers["x-continuum-backend"] for each in answers] == ["good"] * 4
            alone = await ask(client, asked("ill/test-model"))
            assert (alone.status, alone.error["code"]) == (503, "no_backend")
            assert int(alone.headers["retry-after"]) >= 1
            assert ill.url not in alone.raw.decode()
            del ill.pages[LIST]
            await logged(router, "backend ill is healthy, was unhealthy")
            assert (await ask(client, asked("ill/test-model"))).is_whole()


async def test_a_loading_backend_is_waited_for(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        upstream.pages[LIST] = Plain(openai.error("Loading model"), 503)
        health = {**QUICK, "interval": "1h"}
        async with open_router(tmp_path, config(backend(upstream.url), health_checks=health)) as router:
            await logged(router, "backend alpha is warming_up")
            async with client_of(router.url) as client:
                assert (await ask(client, asked())).status == 503
                del upstream.pages[LIST]
                await logged(router, "backend alpha is healthy, was warming_up")
                assert (await ask(client, asked())).is_whole()
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_a_refused_key_is_not_seen_by_clients(tmp_path: Path, status: int) -> None:
    def script(request: Request) -> Any:
        refused = request.header("authorization") == f"Bearer {KEYS[0]}"
        return Plain(openai.error(f"The key {KEYS[0]} will not do."), status) if refused else Completion()

    async with open_upstream(script) as upstream:
        configuration = config(backend(upstream.url, api_key=None, api_keys=KEYS))
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            first = await ask(client, asked())
            second = await ask(client, asked(stream=True))
    assert first.is_whole()
    assert second.is_whole()
    assert [each.headers["x-continuum-attempts"] for each in (first, second)] == ["2", "1"]
    assert not any(key in router.stderr + router.stdout for key in KEYS)


@pytest.mark.parametrize(("face", "kind"), [("ollama", "ollama"), ("vllm", "vllm"), ("llamacpp", "llamacpp")])
async def test_a_server_is_known_by_its_face(tmp_path: Path, face: str, kind: str) -> None:
    async with open_upstream(face=face, models=["found"]) as upstream:
        configuration = config(backend(upstream.url, models=(), type="generic"), logging=TELLING)
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            await logged(router, f"backend alpha is treated as of type {kind}")
            listed: Any = (await client.get("/v1/models")).json()
            assert [model["id"] for model in listed["data"]] == ["found"]
            assert all(model.keys() == {"id", "object", "created", "owned_by"} for model in listed["data"])
            assert (await ask(client, asked("found"))).is_whole()
