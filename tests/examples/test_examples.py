"""The programs in examples/, run as their first lines say."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from chat import MODEL, TEXT, asked
from child import Child
from patience import PATIENCE_S
from ports import free_port
from serving import backend, config

from continuum.testing.upstream import Upstream, open_upstream


def started(
    checkout: Path, home: Path, name: str, *arguments: str, **environ: str
) -> AbstractAsyncContextManager[Child]:
    """One of them at work."""
    return at_work(Child([str(checkout / "examples" / f"{name}.py"), *arguments], home=home, environ=environ))


@asynccontextmanager
async def at_work(child: Child) -> AsyncGenerator[Child]:
    try:
        yield child
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(child.stop)


async def line(child: Child, pattern: str, pipe: str = "stdout") -> str:
    return (await trio.to_thread.run_sync(lambda: child.wait_for_line(pattern, pipe=pipe))).group(1)


def keys(upstream: Upstream) -> dict[str, str]:
    """What discovery finds the scripted upstream by."""
    return {"OPENAI_API_KEY": "sk-example", "OPENAI_BASE_URL": upstream.url}


def written(home: Path, content: dict[str, Any]) -> Path:
    file = home / "continuum.yaml"
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    beside.replace(file)
    return file


async def chat_at(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        answer = await client.post(f"{url}/v1/chat/completions", json=asked())
        text: str = answer.raise_for_status().json()["choices"][0]["message"]["content"]
        return text


async def get(url: str) -> Any:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        return (await client.get(url)).raise_for_status().json()


async def test_standalone_server(checkout: Path, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        file = written(tmp_path, config(backend(upstream.url)))
        async with started(checkout, tmp_path, "standalone_server", str(file), "127.0.0.1:0") as child:
            assert await chat_at(await line(child, r"serving at (\S+)")) == TEXT
            assert await trio.to_thread.run_sync(child.stop) == 0
        written(tmp_path, {"retry": {"max_attempts": 0}})
        async with started(checkout, tmp_path, "standalone_server", str(file)) as child:
            assert await child.exited(PATIENCE_S) == 1
            assert "retry.max_attempts" in child.stderr
            assert "Traceback" not in child.stderr


async def test_asgi_integration(checkout: Path, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        address = f"127.0.0.1:{free_port()}"
        async with started(checkout, tmp_path, "asgi_integration", address, **keys(upstream)) as child:
            await line(child, r"Running on (\S+)", "stderr")
            assert await get(f"http://{address}/health") == {"status": "ok"}
            assert await get(f"http://{address}/info") == {"backends": ["openai"], "api": "/llm/v1"}
            assert await chat_at(f"http://{address}/llm") == TEXT


async def test_programmatic_config(checkout: Path, tmp_path: Path) -> None:
    async with open_upstream() as upstream, open_upstream(face="ollama") as ollama:
        for environ in (keys(upstream), {"OLLAMA_URL": ollama.url}):
            async with started(checkout, tmp_path, "programmatic_config", MODEL, "hello", **environ) as child:
                assert await child.exited(PATIENCE_S) == 0
                assert child.stdout.strip() == TEXT
        async with started(checkout, tmp_path, "programmatic_config", "nothing", "hello", **keys(upstream)) as child:
            assert await child.exited(PATIENCE_S) == 1
            assert child.stderr.startswith("model_not_found: ")
    async with started(checkout, tmp_path, "programmatic_config", MODEL, "hello") as child:
        assert await child.exited(PATIENCE_S) == 1
        assert "set OLLAMA_URL or OPENAI_API_KEY" in child.stderr


async def test_hot_reload(checkout: Path, tmp_path: Path) -> None:
    one = {"name": "one", "type": "openai", "url": "http://127.0.0.1:9", "models": ["m"]}
    file = written(tmp_path, config(one))
    async with started(checkout, tmp_path, "hot_reload", str(file)) as child:
        await line(child, r"(watching)")
        written(tmp_path, config(one, {**one, "name": "two"}, routing={"selection_strategy": "Random"}))
        assert await line(child, r"in force: (one, two; strategy Random)")
        written(tmp_path, config())
        await line(child, r"in force: (no backends)")
        assert await child.exited(PATIENCE_S) == 0


async def test_fastapi_integration(checkout: Path, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        port = free_port()
        command = ["-m", "uvicorn", "--app-dir", str(checkout / "examples"), "fastapi_integration:app"]
        async with at_work(Child([*command, "--port", str(port)], home=tmp_path, environ=keys(upstream))) as child:
            await line(child, r"running on (\S+)", "stderr")
            assert await get(f"http://127.0.0.1:{port}/hello") == {"hello": "world"}
            assert await chat_at(f"http://127.0.0.1:{port}/llm") == TEXT
            assert await trio.to_thread.run_sync(child.stop) in {0, -15}
            assert "Traceback" not in child.stderr


@pytest.mark.parametrize("model", [MODEL])
async def test_acp_agent(checkout: Path, tmp_path: Path, model: str) -> None:
    async with open_upstream() as upstream:
        messages = await trio.to_thread.run_sync(conversation, checkout, tmp_path, model, keys(upstream))
        tools = {tool["function"]["name"] for tool in upstream.calls[0].json.get("tools", ())}
    text = "".join(
        message["params"]["update"]["content"]["text"]
        for message in messages
        if message.get("params", {}).get("update", {}).get("sessionUpdate") == "agent_message_chunk"
    )
    assert text == TEXT
    assert messages[-1]["result"]["stopReason"] == "end_turn"
    assert tools
    assert not tools & {"write_file", "edit_file", "execute"}


def conversation(checkout: Path, home: Path, model: str, environ: dict[str, str]) -> list[Any]:
    """What the agent says to an editor that asks once. Blocking."""
    messages: list[Any] = []
    with subprocess.Popen(
        [sys.executable, str(checkout / "examples/acp_agent.py"), model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environ},
    ) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None

        def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
            request = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
            print(json.dumps(request), file=agent.stdin, flush=True)
            for said in agent.stdout or ():
                messages.append(json.loads(said))
                if messages[-1].get("id") == method:
                    result: dict[str, Any] = messages[-1]["result"]
                    return result
            pytest.fail(f"no answer to {method}")

        ask("initialize", {"protocolVersion": 1})
        session = ask("session/new", {"cwd": str(home), "mcpServers": []})["sessionId"]
        ask("session/prompt", {"sessionId": session, "prompt": [{"type": "text", "text": "hello"}]})
        agent.stdin.close()
        assert agent.wait(PATIENCE_S) == 0
    return messages
