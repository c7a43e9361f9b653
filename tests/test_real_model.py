"""The embedded model answers through both transports and the shell, as a new user would see it.

The model is weak: what it says is not asserted, only that it says something in the right form.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio
import yaml
from acp_schema import hold_to_schema
from child import Child
from serving import LISTENING, config, open_router

from continuum.backends import local
from continuum.backends.local.model import SMOLLM2, model_path
from continuum.testing.ide import open_ide

MODEL = "smollm2-135m"
ASK = {"model": MODEL, "max_tokens": 16, "messages": [{"role": "user", "content": "Tell me a short story."}]}
TIMEOUT_S = 120

pytestmark = [pytest.mark.model, pytest.mark.slow]


@pytest.fixture(scope="module")
def environ() -> Mapping[str, str]:
    """What makes a child find the model in the cache; CI fetches it first, a user's machine is not asked to."""
    try:
        local.check()
    except local.LocalModelError as error:
        pytest.skip(error.message)
    file = model_path(SMOLLM2, os.environ)
    if not file.exists() and os.environ.get("CONTINUUM_CI") != "1":
        pytest.skip("the model was not fetched yet (scripts/run does)")
    return {"CONTINUUM_LOCAL_MODEL": str(local.ensure_model(print))}


def test_http(tmp_path: Path, environ: Mapping[str, str]) -> None:
    command = ["-m", "continuum", "--mode", "http", "--local", "--bind", "127.0.0.1:0"]
    with Child(command, home=tmp_path, environ=environ) as router:
        url = router.wait_for_line(LISTENING)[1]
        with httpx.Client(base_url=f"{url}/v1", trust_env=False, timeout=TIMEOUT_S) as client:
            models = client.get("/models").raise_for_status().json()
            plain = client.post("/chat/completions", json=ASK).raise_for_status().json()
            streamed = client.post("/chat/completions", json={**ASK, "stream": True}).raise_for_status().text
        assert router.stop() == 0
    assert [model["id"] for model in models["data"]] == [MODEL]
    assert plain["model"] == MODEL
    assert plain["choices"][0]["message"]["content"]
    assert plain["usage"]["completion_tokens"] > 0
    events = [line.removeprefix("data: ") for line in streamed.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert {chunk["model"] for chunk in chunks} == {MODEL}
    assert sum(bool(choice["delta"].get("content")) for chunk in chunks for choice in chunk["choices"]) > 1


def test_shell(tmp_path: Path, environ: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "continuum", "--local", "run", "Say hello."],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_stdio(tmp_path: Path, environ: Mapping[str, str]) -> None:
    process = subprocess.Popen(
        # Without tools: a model this small may call one out of the blue, and nobody is here to be asked.
        [sys.executable, "-m", "continuum", "--mode", "stdio", "--local", "--set", "acp.tools.enabled=[]"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        chunks: list[str] = []
        methods: dict[int, str] = {}

        def ask(number: int, method: str, **params: object) -> dict[str, object]:
            assert process.stdin is not None
            assert process.stdout is not None
            line = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
            methods[number] = method
            for answer in map(json.loads, process.stdout):
                hold_to_schema(answer, methods)
                if answer.get("id") == number:
                    result: dict[str, object] = answer["result"]
                    return result
                update = answer["params"]["update"]
                if update["sessionUpdate"] == "agent_message_chunk":
                    chunks.append(update["content"]["text"])
            pytest.fail("stdout ended")

        try:
            ask(0, "initialize", protocolVersion=1, clientCapabilities={})
            session = ask(1, "session/new", cwd=str(tmp_path), mcpServers=[])["sessionId"]
            text = [{"type": "text", "text": "Say hello."}]
            turn = ask(2, "session/prompt", sessionId=session, prompt=text)
            process.stdin.close()
            assert process.wait(TIMEOUT_S) == 0
        finally:
            process.kill()
    assert turn["stopReason"] in {"end_turn", "max_tokens"}
    assert len(chunks) > 1


async def test_stdio_calls_a_tool_and_speaks_about_its_result(tmp_path: Path, environ: Mapping[str, str]) -> None:
    """What --local configures, but for a model that always says the same, and a user who is asked."""
    data = local.backend_config_data()
    data["backends"][0]["managed"]["command"] += ["--temperature", "0"]
    data["acp"] = {"tools": {"enabled": ["read"]}, "permissions": {"auto_allow": [], "always_ask": ["read"]}}
    file = tmp_path / "continuum.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    (tmp_path / "example.txt").write_text("The meeting is at nine.\n")
    command = [sys.executable, "-m", "continuum", "--mode", "stdio", "--config", str(file)]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environ}
    with trio.fail_after(TIMEOUT_S):
        async with open_ide(command, cwd=str(tmp_path), environment=env) as ide:
            ide.permissions.answers.append("allow_once")
            session = await ide.new_session(str(tmp_path))
            turn = await ide.prompt(session, "Read the file example.txt")
    for message in ide.messages:
        hold_to_schema(message, ide.asked)
    assert turn["stopReason"] == "end_turn"
    assert len(ide.permissions.asked) == 1
    ident = ide.permissions.asked[0]["toolCall"]["toolCallId"]
    shown = ide.tool_call(ident)
    assert shown["statuses"] == ["pending", "in_progress", "completed"]
    assert shown["rawInput"]["path"] == "example.txt"
    assert shown["content"][0]["content"]["text"] == "The meeting is at nine.\n"
    kinds = [(update["update"]["sessionUpdate"], update["update"].get("toolCallId")) for update in ide.updates]
    after = ide.updates[kinds.index(("tool_call", ident)) :]
    said = [update["update"] for update in after if update["update"]["sessionUpdate"] == "agent_message_chunk"]
    assert "".join(chunk["content"]["text"] for chunk in said).strip()


def managed_servers(router: int) -> list[int]:
    """Process ids of the model's servers below the router."""
    found: list[int] = []
    below = [router]
    while below:
        pid = below.pop()
        try:
            for thread in Path(f"/proc/{pid}/task").iterdir():  # whichever thread started it
                below += map(int, (thread / "children").read_text().split())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        if b"continuum.backends.local" in command and b"-P" in command[:3]:
            found.append(pid)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="finds the servers in /proc")
async def test_two_managed_servers_under_load(tmp_path: Path, environ: Mapping[str, str]) -> None:
    """Started by first use; SIGKILL of one in the middle of the load is not seen by clients; stopped when idle."""
    (entry,) = local.backend_config_data()["backends"]
    entry["managed"]["idle_stop"] = "2s"
    names = ("one", "two")
    backends = [{**deepcopy(entry), "name": name} for name in names]
    async with open_router(tmp_path, config(*backends), **environ) as router:
        assert managed_servers(router.pid) == []
        statuses: list[int] = []
        killed: list[int] = []

        async def work(client: httpx.AsyncClient, requests: int) -> None:
            for _ in range(requests):
                statuses.append((await client.post("/v1/chat/completions", json=ASK)).status_code)
                if len(statuses) >= 4 and not killed:
                    killed.append(managed_servers(router.pid)[0])
                    os.kill(killed[0], signal.SIGKILL)

        limits = httpx.Limits(max_keepalive_connections=0)
        async with (
            httpx.AsyncClient(base_url=router.url, trust_env=False, timeout=TIMEOUT_S, limits=limits) as client,
            trio.open_nursery() as nursery,
        ):
            for _ in range(4):
                nursery.start_soon(work, client, 4)
        used: set[int] = set()
        for name in names:  # both can be up again, whichever was killed
            pinned = {**ASK, "model": f"{name}/{MODEL}"}
            answer = await trio.to_thread.run_sync(
                partial(httpx.post, f"{router.url}/v1/chat/completions", json=pinned, timeout=TIMEOUT_S)
            )
            used.update(managed_servers(router.pid))
            assert answer.headers["x-continuum-backend"] == name
        assert statuses == [200] * 16
        assert killed
        assert len(used) >= 2
        with trio.fail_after(TIMEOUT_S):
            for pid in used:
                await _ended(pid)


async def _ended(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await trio.lowlevel.wait_readable(process)
    finally:
        os.close(process)
