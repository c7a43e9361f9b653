"""Planted secrets: an upstream that repeats its credential cannot make the router say it, to clients or in the log."""

import json
from pathlib import Path
from typing import Any

from chat import ask, asked, client_of
from serving import BACKEND_KEY, CLIENT_KEY, backend, config, open_router

from continuum.testing.upstream import Answer, Plain, Request, Stream, open_upstream

STATUSES = (400, 401, 403, 404, 413, 422, 429, 500, 503)
PROMPT = "planted-prompt-2342"


def confession(call: Request) -> dict[str, Any]:
    """An error that tells all it knows."""
    told = (
        f"Incorrect API key provided: {call.header('authorization')} at http://{call.header('host')}/v1 ({CLIENT_KEY})"
    )
    return {"error": {"message": told, "type": "x", "param": None, "code": "bad_key"}}


async def test_planted_secrets_go_nowhere(tmp_path: Path) -> None:
    def script(call: Request) -> Answer:
        event = f"data: {json.dumps(confession(call))}\n\n".encode()
        match call.json["user"]:
            case "early":
                return Stream((), tail=(event,))
            case "late":
                return Stream(("one",), tail=(event,))
            case status:
                return Plain(confession(call), int(status))

    headers = {"authorization": f"Bearer {CLIENT_KEY}", "x-api-key": CLIENT_KEY}
    said: list[str] = []
    async with open_upstream(script) as upstream:
        entry = backend(upstream.url, headers={"x-extra": "planted-header-1984"})
        configuration = config(entry, logging={"level": "trace"})
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            for user in (*map(str, STATUSES), "early", "late"):
                for stream in (False, True):
                    if stream or user.isdigit():
                        body = asked(stream=stream, user=user, metadata={"note": PROMPT})
                        received = await ask(client, body, headers)
                        said += [received.raw.decode(), str(received.headers)]
        assert all(call.header("x-extra") == "planted-header-1984" for call in upstream.calls)
    for text in (*said, router.stderr, router.stdout):
        for secret in (BACKEND_KEY, CLIENT_KEY, "planted-header-1984"):
            assert secret not in text
    for text in said:
        assert upstream.url.removeprefix("http://") not in text
    assert PROMPT not in router.stderr, "prompts are not logged unless asked for"
