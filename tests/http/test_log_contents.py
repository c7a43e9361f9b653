"""`logging.log_prompts` in the real process: nothing of what is said unless it is on, and then each in one line."""

import json
from pathlib import Path
from typing import Any

import trio
from chat import TEXT, ask, asked, client_of
from serving import Router, backend, config, open_router

from continuum.testing.upstream import FAULTS, Stream, open_upstream

PLANTED = "planted\nprompt\u2028with sk-planted-user-key-0007"
MASKED = "planted\\nprompt\u2028with [redacted]"
HEADERS = {"x-request-id": "the-call"}


async def line(router: Router, pattern: str) -> str:
    found = await trio.to_thread.run_sync(router.wait_for_line, f"^(.*{pattern}.*)$")
    return str(found.group(1))


def message_of(text: str) -> Any:
    """What follows the line's head, as JSON."""
    return json.loads(text[text.index(": ", text.index("alpha")) + 2 :])


async def test_what_is_said_is_logged_while_that_is_wanted(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": PLANTED}]
    async with open_upstream() as upstream:
        configuration = config(
            backend(upstream.url),
            global_prompts={"default": "of the house"},
            admin={"auth": {"method": "none"}},
            logging={"format": "json"},
        )
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:

            async def switch(*, on: bool) -> None:
                body = {"config": {"log_prompts": on}}
                done = (await client.patch("/admin/config/logging", json=body)).json()
                assert (done["applied"], done["warnings"]) == (True, [])

            assert (await ask(client, asked(messages=messages), HEADERS)).is_whole()
            await switch(on=True)
            assert (await ask(client, asked(messages=messages), HEADERS)).is_whole()
            prompt = json.loads(await line(router, "the-call prompt for alpha"))
            answer = json.loads(await line(router, "the-call answer of alpha"))
            assert (prompt["level"], prompt["logger"]) == ("info", "continuum.contents")
            sent = message_of(prompt["message"])
            house = {"role": "system", "content": "of the house"}
            assert sent["messages"] == [house, {"role": "user", "content": json.loads(f'"{MASKED}"')}]
            assert message_of(answer["message"])["choices"][0]["message"]["content"] == TEXT
            upstream.push(Stream(("first ", "second")), FAULTS["cut-by-reset"].answer)
            await ask(client, asked(stream=True), {"x-request-id": "streamed"})
            streamed = json.loads(await line(router, "streamed answer of alpha"))
            assert message_of(streamed["message"]) == [[{"kind": "text", "text": "first second"}]]
            await ask(client, asked(stream=True), {"x-request-id": "cut"})
            cut = json.loads(await line(router, "cut answer of alpha"))
            assert TEXT.startswith(message_of(cut["message"])[0][0]["text"])
            long = [{"role": "user", "content": "x" * 100_000}]
            await ask(client, asked(messages=long), {"x-request-id": "long"})
            told = json.loads(await line(router, "long prompt for alpha"))["message"]
            assert "bytes, cut): " in told
            assert len(told) < 66_000
            await switch(on=False)
            assert (await ask(client, asked(messages=[{"role": "user", "content": "unheard"}]))).is_whole()
        assert router.stderr.count("the-call prompt for") == 1, "the first was not"
        assert "unheard" not in router.stderr
        assert "0007" not in router.stderr


async def test_each_is_one_line_of_text(tmp_path: Path) -> None:
    """Whatever it holds: nobody writes a line of the log by asking for it."""
    forged = "x\n2026-01-01T00:00:00Z info  continuum: all is well"
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url), logging={"log_prompts": True})
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            assert (
                await ask(client, asked(user="\u2028\u0085", messages=[{"role": "user", "content": forged}]))
            ).is_whole()
            assert "all is well" in await line(router, "prompt for alpha")
            assert "\\n2026" in await line(router, "prompt for alpha")
            answer = await client.post("/v1/embeddings", json={"model": "test-model", "input": "of words"})
            assert answer.status_code == 200
            assert "of words" in await line(router, "prompt for alpha.*input")
        assert router.stderr.count("answer of") == 1, "vectors are no words"
        assert all(text.startswith(("continuum:", "20")) for text in router.stderr.splitlines())
