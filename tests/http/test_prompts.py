"""Global prompts through the real process: which of them reaches the backend, and where, and edits of its file."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import trio
from chat import Received, ask, asked, client_of
from patience import PATIENCE_S
from serving import Router, backend, config, open_router

from continuum.testing.upstream import FAULTS, Answer, Completion, Plain, Request, Stream, Upstream, open_upstream

Json = dict[str, Any]

OPEN_ADMIN: Mapping[str, Any] = {"auth": {"method": "none"}}
USER: Json = {"role": "user", "content": "hello"}
SECRET = "planted-global-prompt: you are the assistant of Example Corp and know of project Nightjar"
FILE = "system.md"


def system(content: str) -> Json:
    return {"role": "system", "content": content}


def messages_of(call: Request) -> Any:
    return call.json["messages"]


async def sent(client: httpx.AsyncClient, upstream: Upstream, model: str = "test-model", **more: Any) -> Any:
    """The messages that the backend received for an ordinary question."""
    received = await ask(client, asked(model, **more))
    assert received.is_whole(), received.raw
    return messages_of(upstream.calls[-1])


PROMPTS: Mapping[str, Any] = {
    "default": "of all",
    "backends": {"beta": {"prompt": "of beta"}},
    "models": {
        "special": {"prompt": "of special"},
        "nick": {"prompt": "of nick"},
        "silent": {"prompt": ""},
        "other": {},
    },
}
# Whose prompt a model gets: its own by the name asked for, its own, the backend's, the default.
WHOSE: Mapping[str, str | None] = {
    "plain": "of all",
    "special": "of special",
    "alias": "of special",
    "nick": "of nick",
    "alpha/special": "of special",
    "alpha/alias": "of special",
    "other": "of all",
    "at-beta": "of beta",
    "beta/at-beta": "of beta",
    "renamed": "of all",
    "silent": None,
}


async def test_the_most_particular_prompt_applies(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        alpha = backend(upstream.url, models=["plain", "special", "silent", "other"])
        alpha["models"].append({"id": "renamed", "upstream": "special"})
        beta = backend(upstream.url, "beta", models=["at-beta"])
        aliases = {"alias": "special", "nick": "special"}
        configuration = config(alpha, beta, global_prompts=PROMPTS, routing={"aliases": aliases})
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            for stream in (False, True):
                for model, prompt in WHOSE.items():
                    wanted = [system(prompt), USER] if prompt else [USER]
                    assert await sent(client, upstream, model, stream=stream) == wanted, model


JOINED: Mapping[str, str] = {"prepend": "G | own", "append": "own | G", "replace": "G"}
OTHER_OPERATIONS: Mapping[str, bytes] = {
    "/v1/completions": b'{"model":"test-model",  "prompt":"def f("}',
    "/v1/embeddings": b'{"model":"test-model",  "input":"words"}',
}


async def test_it_meets_the_requests_own_as_the_section_says_at_that_moment(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url), global_prompts={"default": "first"}, admin=OPEN_ADMIN)
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:

            async def put(section: Json) -> None:
                done = (await client.put("/admin/config/global_prompts", json={"config": section})).json()
                assert (done["applied"], done["hot_reload_capability"], done["warnings"]) == (True, "immediate", [])

            assert await sent(client, upstream) == [system("first"), USER]
            for strategy, joined in JOINED.items():
                await put({"default": "G", "merge_strategy": strategy, "separator": " | "})
                own = await sent(client, upstream, messages=[system("own"), USER], temperature=0.5, vendor={"x": [1]})
                assert own == [system(joined), USER]
                body = upstream.calls[-1].json
                assert (body["temperature"], body["vendor"], body["model"]) == (0.5, {"x": [1]}, "test-model")
                assert await sent(client, upstream) == [system("G"), USER]
            for path, text in OTHER_OPERATIONS.items():
                answer = await client.post(path, content=text, headers={"content-type": "application/json"})
                assert answer.status_code == 200
                assert upstream.calls[-1].body == text
            await put({})
            assert await sent(client, upstream, messages=[system("own"), USER]) == [system("own"), USER]


async def test_each_backend_and_each_model_of_a_chain_gets_its_own(tmp_path: Path) -> None:
    """The first backend fails, then its model altogether: nothing of what was tried before is left."""
    failing = FAULTS["status-500"].answer

    def script(request: Request) -> Answer:
        return failing if request.model == "first" else Completion()

    prompts = {
        "default": "of all",
        "backends": {"alpha": {"prompt": "of alpha"}, "beta": {"prompt": "of beta"}},
        "models": {"second": {"prompt": "of second"}},
    }
    async with open_upstream(script) as upstream:
        backends = [backend(upstream.url, name, models=["first"]) for name in ("alpha", "beta", "gamma")]
        configuration = config(
            *backends,
            backend(upstream.url, "delta", models=["second"]),
            global_prompts=prompts,
            fallback={"enabled": True, "fallback_chains": {"first": ["second"]}},
            retry={"base_delay": "1ms"},
        )
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            received = await ask(client, asked("first", messages=[system("own"), USER]))
            assert received.is_whole()
            assert received.headers["x-fallback-model"] == "second"
    tried = {call.json["messages"][0]["content"] for call in upstream.calls}
    assert tried == {f"{prompt}\n\nown" for prompt in ("of alpha", "of beta", "of all", "of second")}
    assert messages_of(upstream.calls[-1]) == [system("of second\n\nown"), USER]


STATUSES = ("400", "404", "422", "429", "500")
QUOTING = [*itertools.product(STATUSES, (False, True)), ("early", True), ("late", True)]


async def test_it_is_told_to_nobody(tmp_path: Path) -> None:
    """A backend that quotes what it was sent, in any kind of error, and a log that tells all it may."""

    def quote(request: Request) -> Json:
        return {"error": {"message": f"cannot read: {request.json['messages'][0]['content']}!", "code": "bad"}}

    def script(request: Request) -> Answer:
        event = f"data: {json.dumps(quote(request))}\n\n".encode()
        match request.json["user"]:
            case "early":
                return Stream((), tail=(event,))
            case "late":
                return Stream(("one",), tail=(event,))
            case status:
                return Plain(quote(request), int(status))

    said: list[Received] = []
    async with open_upstream(script) as upstream:
        configuration = config(
            backend(upstream.url),
            global_prompts={"default": SECRET},
            logging={"level": "trace"},
            circuit_breaker={"enabled": False},
        )
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            for user, stream in QUOTING:
                said.append(await ask(client, asked(stream=stream, user=user, messages=[system("mine"), USER])))
        assert all(SECRET in call.json["messages"][0]["content"] for call in upstream.calls)
    refused = said[0].error["message"]
    assert refused == "cannot read: [redacted]\n\nmine!", "the caller's own words are"
    for text in (*(received.raw.decode() for received in said), router.stderr, router.stdout):
        assert "Nightjar" not in text
        assert "planted-global" not in text


async def reads(client: httpx.AsyncClient, upstream: Upstream, wanted: str) -> None:
    """Ask until the backend is told this, which is soon; every request meanwhile goes well."""
    with trio.fail_after(PATIENCE_S):
        while await sent(client, upstream) != [system(wanted), USER]:
            await trio.lowlevel.checkpoint()


async def told(router: Router, pattern: str) -> None:
    await trio.to_thread.run_sync(router.wait_for_line, pattern)


async def test_edits_of_its_file(tmp_path: Path) -> None:
    """As editors go about it: in place, a new file in the old one's place, and a file that is away for a while."""
    folder = tmp_path / "prompts"
    beside, inside = tmp_path / FILE, folder / FILE
    beside.write_text("beside\n")
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url), global_prompts={"default_file": FILE}, admin=OPEN_ADMIN)
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            assert await sent(client, upstream) == [system("beside"), USER]
            beside.write_text("in place")
            await reads(client, upstream, "in place")
            folder.mkdir()
            inside.write_text("inside\r\n")
            await reads(client, upstream, "inside")
            (folder / ".new").write_text("first\nsecond\n\n")
            (folder / ".new").replace(inside)
            await reads(client, upstream, "first\nsecond\n")
            beside.unlink()
            inside.unlink()
            await told(router, f"the prompt file {FILE} cannot be used .*its last text stays in force")
            assert await sent(client, upstream) == [system("first\nsecond\n"), USER]
            inside.write_bytes(b"\xff")
            inside.write_text("back")
            await reads(client, upstream, "back")
            assert (await client.get("/admin/config/history")).json()["current_version"] == 1
            again = (await client.post("/admin/config/prompts/reload")).json()
            assert (again["success"], again["reloaded_count"], again["reloaded"]) == (True, 1, [f"prompts/{FILE}"])
        assert router.stderr.count("cannot be used") == 1
        assert "Traceback" not in router.stderr


async def test_an_unreadable_file_lets_the_next_in_line_apply(tmp_path: Path) -> None:
    prompts = {
        "default": "written",
        "default_file": "missing.md",
        "models": {"test-model": {"prompt_file": "link.md"}},
    }
    (tmp_path / "prompts").mkdir()
    (tmp_path / "outside.md").write_text("outside")
    (tmp_path / "prompts/link.md").symlink_to(tmp_path / "outside.md")
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url), global_prompts=prompts)
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            for name in ("missing.md", "link.md"):
                await told(router, f"the prompt file {name} cannot be used .*it adds nothing")
            assert await sent(client, upstream) == [system("written"), USER]
            (tmp_path / "prompts/link.md").unlink()
            (tmp_path / "prompts/link.md").write_text("its own")
            await reads(client, upstream, "its own")
