"""What clients see of a fallback chain, through the real process."""

from pathlib import Path

import pytest
from chat import ask, asked, client_of
from serving import backend, config, open_router

from continuum.testing.upstream import FAULTS, Answer, Completion, Request, open_upstream


@pytest.mark.parametrize("stream", [False, True])
async def test_headers_say_which_model_answers(tmp_path: Path, stream: bool) -> None:  # noqa: FBT001 - pytest's parameter
    def script(request: Request) -> Answer:
        return FAULTS["status-500"].answer if request.model == "große" else Completion()

    async with open_upstream(script) as upstream:
        fallback = {"enabled": True, "fallback_chains": {"große": ["small"]}}
        configuration = config(backend(upstream.url, models=["große", "small"]), fallback=fallback)
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            received = await ask(client, asked("große", stream=stream))
            plain = await ask(client, asked("small", stream=stream))
    assert received.is_whole()
    told = {name: value for name, value in received.headers.items() if "fallback" in name or "model" in name}
    assert told == {
        "x-fallback-used": "true",
        "x-original-model": "gro\\xdfe",
        "x-fallback-model": "small",
        "x-fallback-reason": "error_code_500",
        "x-fallback-attempts": "1",
        "x-continuum-model": "small",
    }
    assert received.headers["x-continuum-attempts"] == "4"
    assert not any("fallback" in name or "original" in name for name in plain.headers)
