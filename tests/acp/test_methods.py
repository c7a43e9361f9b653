"""The handshake, the method table and what is refused, through the whole agent."""

import threading
from pathlib import Path
from typing import Any

import pytest
import trio
from acp_peer import HELLO, Json, ScriptedHost, agent, config_of, text_answer
from patience import PATIENCE_S

from continuum.acp import methods
from continuum.acp.router import METHODS, AcpMethodRouter
from continuum.config import Config
from continuum.errors import ConfigError, ConfigProblem, ContinuumError


@pytest.mark.parametrize("version", [1, 0, 2, 99, -1])
async def test_any_integer_version_is_answered_with_one(version: int) -> None:
    async with agent() as peer:
        result = (await peer.call("initialize", {"protocolVersion": version}))["result"]
        assert result["protocolVersion"] == 1
        assert result["agentInfo"]["name"] == "continuum"


@pytest.mark.parametrize(
    "params", [None, {}, [], {"protocolVersion": "1"}, {"protocolVersion": 1.0}, {"protocolVersion": True}]
)
async def test_no_integer_version_is_refused(params: Any) -> None:
    async with agent() as peer:
        error = (await peer.call("initialize", params))["error"]
        assert error["code"] == -32602
        assert "protocolVersion" in error["message"]


async def test_initialize_comes_first() -> None:
    async with agent() as peer:
        for method in ("authenticate", "session/new", "session/prompt"):
            assert (await peer.call(method, {}))["error"]["code"] == -32600
        assert (await peer.call("no/such", {}))["error"]["code"] == -32601
        await peer.initialize()
        assert (await peer.call("authenticate", {"methodId": "x"}))["result"] == {}
        await peer.initialize()


PIPELINED: Json = {"id": 1, "method": "initialize", "params": HELLO}
BEHIND: list[Json] = [
    {"id": 2, "method": "no/such"},
    {"id": 3, "method": "session/new", "params": {"cwd": "relative"}},
    {"id": 4, "method": "authenticate"},
    {"id": 5, "method": "session/new", "params": {"cwd": "/"}},
]


async def test_what_comes_behind_a_greeting_that_waits_for_the_configuration_is_answered_behind_it() -> None:
    may_load = threading.Event()

    def load() -> Config:
        assert may_load.wait(20)
        return config_of({"capabilities": {"mcp": False}})

    async with agent(load=load, deferred=True) as peer:
        await peer.send({"id": 0, "method": "authenticate"}, PIPELINED, *BEHIND)
        may_load.set()
        answers = [await peer.receive() for _ in range(6)]
        assert [each["id"] for each in answers] == [0, 1, 2, 3, 4, 5]
        assert answers[1]["result"]["agentCapabilities"]["mcp"] == {"http": False, "sse": False}
        assert (await peer.notice("available_commands_update"))["availableCommands"]


async def test_a_greeting_that_waited_for_a_faulty_configuration_comes_before_the_fault() -> None:
    def load() -> Config:
        raise ConfigError([ConfigProblem("is wrong", "acp.capabilities.mcp")])

    for _ in range(8):  # two tasks wait for the same thing
        async with agent(load=load, deferred=True) as peer:
            await peer.send(PIPELINED, BEHIND[-1])
            first, second = await peer.receive(), await peer.receive()
            assert first["result"]["protocolVersion"] == 1
            assert second["error"]["code"] == -32603


async def test_a_greeting_that_is_cancelled_while_it_waits_holds_nothing_up() -> None:
    may_load = threading.Event()

    def load() -> Config:
        assert may_load.wait(20)
        return config_of()

    async with agent(load=load, deferred=True) as peer:
        await peer.send(PIPELINED, BEHIND[0], {"method": "$/cancel_request", "params": {"requestId": 1}})
        assert [(await peer.receive())["error"]["code"] for _ in range(2)] == [-32800, -32601]
        may_load.set()


async def test_unknown_methods_and_notifications() -> None:
    async with agent() as peer:
        await peer.initialize()
        for method in ("no/such", "_private", "session_load", "__init__", ""):
            assert (await peer.call(method))["error"]["code"] == -32601
        await peer.send({"method": "no/such"}, {"method": "session/prompt", "params": {}}, {"method": "session/cancel"})
        await peer.send({"id": 77, "result": {}})
        assert "result" in await peer.call("authenticate", {"methodId": "x"})


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("session/new", {}, "cwd"),
        ("session/new", {"cwd": 5}, "cwd"),
        ("session/new", {"cwd": "relative/path"}, "cwd"),
        ("session/new", {"cwd": "/", "mcpServers": {}}, "mcpServers"),
        ("session/new", {"cwd": "/", "additionalDirectories": ["rel"]}, "additionalDirectories"),
        ("session/new", [], ""),
        ("session/new", "x", ""),
        ("session/prompt", {"prompt": []}, "sessionId"),
        ("session/prompt", {"sessionId": "x", "prompt": "text"}, "prompt"),
    ],
)
async def test_bad_params_name_the_field(method: str, params: Any, field: str) -> None:
    async with agent() as peer:
        await peer.initialize()
        error = (await peer.call(method, params))["error"]
        assert error["code"] == -32602
        assert field in error["message"]


async def test_an_empty_prompt_and_an_unknown_session() -> None:
    async with agent() as peer:
        session = await peer.new_session()
        assert (await peer.call("session/prompt", {"sessionId": session, "prompt": []}))["error"]["code"] == -32602
        unknown = {"sessionId": "nope", "prompt": [{"type": "text", "text": "x"}]}
        assert (await peer.call("session/prompt", unknown))["error"]["code"] == -32002


async def test_a_duplicate_id_in_flight_is_refused_and_the_first_unaffected() -> None:
    gate = trio.Event()
    host = ScriptedHost()
    host.answers.append([gate, *text_answer("x")])
    async with agent(host) as peer:
        session = await peer.new_session()
        prompt = await peer.prompt(session)
        await peer.send({"id": prompt, "method": "authenticate", "params": {}})
        assert (await peer.answer(prompt))["error"]["code"] == -32600
        await peer.send({"id": str(prompt), "method": "authenticate", "params": {}})
        assert "result" in await peer.answer(str(prompt))
        gate.set()
        assert (await peer.answer(prompt))["result"]["stopReason"] == "end_turn"
        await peer.send({"id": prompt, "method": "authenticate", "params": {}})
        assert "result" in await peer.answer(prompt)


async def test_cancelling_a_request_that_is_no_turn() -> None:
    async with agent(load=_slow_load) as peer:
        await peer.initialize()
        asked = await peer.ask("session/new", {"cwd": "/"})
        await peer.send({"method": "$/cancel_request", "params": {"requestId": asked}})
        assert (await peer.answer(asked))["error"]["code"] == -32800
        LOADING.release()
        assert await peer.new_session()


LOADING = threading.Semaphore(0)


def _slow_load() -> Config:
    LOADING.acquire(timeout=PATIENCE_S)
    return config_of()


def _broken() -> Config:
    raise ConfigError([ConfigProblem("is required", "backends", "c.yaml", 3), ConfigProblem("bad port", "server")])


async def test_a_broken_configuration_is_told_to_sessions_and_in_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent(load=_broken) as peer:
        await peer.initialize()
        for _ in range(2):
            error = (await peer.call("session/new", {"cwd": "/"}))["error"]
            assert (error["code"], error["message"]) == (-32603, "c.yaml:3: backends: is required\nserver: bad port")
        assert (await peer.call("session/prompt", {"sessionId": "x", "prompt": [{"type": "text", "text": ""}]}))[
            "error"
        ]
        assert "result" in await peer.call("initialize", HELLO)
        assert await peer.wait_exit() == 2
    said = capsys.readouterr().err
    assert said == "continuum: c.yaml:3: backends: is required\ncontinuum: server: bad port\n"


async def test_a_broken_configuration_shows_in_the_exit_code_even_if_nobody_asked() -> None:
    async with agent(load=_broken) as peer:
        assert await peer.wait_exit() == 2


async def test_another_fault_of_loading_exits_one() -> None:
    def unusable() -> Config:
        raise ContinuumError("this CPU has no AVX2")

    async with agent(load=unusable) as peer:
        await peer.initialize()
        assert (await peer.call("session/new", {"cwd": "/"}))["error"]["message"] == "this CPU has no AVX2"
        assert await peer.wait_exit() == 1


@pytest.mark.parametrize("acp", [{"enabled": False}, {"transport": {"stdio": {"enabled": False}}}])
async def test_a_switched_off_agent_says_so(acp: Json) -> None:
    async with agent(acp=acp) as peer:
        await peer.initialize()
        assert "switched off" in (await peer.call("session/new", {"cwd": "/"}))["error"]["message"]
        assert await peer.wait_exit() == 2


async def test_the_system_prompt_file(tmp_path: Path) -> None:
    file = tmp_path / "prompt.md"
    file.write_text("from the file", encoding="utf-8")
    host = ScriptedHost()
    host.answers.append(text_answer("x"))
    async with agent(host, acp={"system_prompt": "not this", "system_prompt_file": str(file)}) as peer:
        await peer.answer(await peer.prompt(await peer.new_session()))
    assert host.texts(0)[0] == ("system", "from the file")


@pytest.mark.parametrize("content", [None, b"\xff"])
async def test_a_system_prompt_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "prompt.md"
    if content is not None:
        file.write_bytes(content)
    async with agent(acp={"system_prompt_file": str(file)}) as peer:
        await peer.initialize()
        error = (await peer.call("session/new", {"cwd": "/"}))["error"]
        assert "acp.system_prompt_file" in error["message"]
        assert await peer.wait_exit() == 2


def test_the_table_and_the_folder_agree() -> None:
    router = AcpMethodRouter()
    assert all(callable(router.handler(method)) for method in METHODS)
    folder = Path(methods.__path__[0])
    assert {method.module for method in METHODS} == {f.stem for f in folder.glob("*.py")} - {"__init__"}


async def test_a_bug_while_loading_is_no_end_either(caplog: pytest.LogCaptureFixture) -> None:
    def buggy() -> Config:
        raise RuntimeError("a path, a secret")

    async with agent(load=buggy) as peer:
        await peer.initialize()
        error = (await peer.call("session/new", {"cwd": "/"}))["error"]
        assert error["code"] == -32603
        assert "secret" not in error["message"]
        assert await peer.wait_exit() == 1
    assert "loading failed" in caplog.text


async def test_more_requests_at_once_than_anyone_means_to_make_are_refused() -> None:
    host = ScriptedHost()
    host.answers.append([trio.Event()])
    async with agent(host) as peer:
        session = await peer.new_session()
        params = {"sessionId": session, "prompt": [{"type": "text", "text": "x"}]}
        await peer.send(*({"id": str(n), "method": "session/prompt", "params": params} for n in range(1025)))
        assert (await peer.answer("1024"))["error"]["code"] == -32603
        await peer.cancel(session)
        for number in range(1024):
            assert (await peer.answer(str(number)))["result"]["stopReason"] == "cancelled"
