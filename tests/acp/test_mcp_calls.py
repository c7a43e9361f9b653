"""MCP tools over HTTP: as slow as tools.command_timeout allows, and no word of the headers that a client gives."""

import logging
from pathlib import Path
from typing import Any

import pytest
import trio
from acp_peer import ScriptedHost, text_answer
from desk import call, calls, open_desk, results
from mcp_over_http import Double, open_double, response
from raw_server import Peer, raw_server
from stdio_agent import backend, open_agent
from trio.testing import MockClock

from continuum.acp.mcp.link import attend
from continuum.acp.servers import Server, Spec
from continuum.acp.tools.base import ToolFault
from continuum.testing.upstream import open_upstream

KINDS = ("http", "sse")
SECRET = "planted:of/no+known=form"
ALLOW: dict[str, Any] = {"permissions": {"default_policy": "allow", "always_ask": []}}
LIMIT_S = 600.0  # the default of tools.command_timeout

# The official client leaves its last event stream to the garbage collector, which trio remarks upon.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'http(x|core)2:ResourceWarning")


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_may_take_as_long_as_commands_may_and_a_quiet_server_stays(kind: str) -> None:
    async def main() -> None:
        double = Double(seconds=LIMIT_S - 10)
        async with open_double(double, kind) as spec, trio.open_nursery() as nursery:
            server = Server(spec)
            nursery.start_soon(attend, server, "/")
            await server.settled.wait()
            await trio.sleep(7200)
            assert (await server.call("work", {}, LIMIT_S)).text == "done: "
            double.seconds = LIMIT_S + 10
            with pytest.raises(ToolFault, match="did not answer within 600 s"):
                await server.call("work", {}, LIMIT_S)
            server.over.set()

    trio.run(main, clock=MockClock(autojump_threshold=0.1))


def given(spec: Spec) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in spec.headers.items()]
    return {"name": spec.name, "type": spec.kind, "url": spec.url, "headers": headers}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("refuses", ["", "initialize", "tools/list", "tools/call"])
async def test_what_a_server_repeats_of_its_headers_is_not_shown(
    kind: str, refuses: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "continuum")
    scripted = ScriptedHost()
    scripted.answers.extend([calls(call("double__work")), text_answer("ok")])
    double = Double(says=SECRET, refuses=refuses)
    headers = {"Authorization": f"Bearer {SECRET}", "empty": "", "short": "no"}
    async with open_double(double, kind, **headers) as spec, open_desk(scripted, acp=ALLOW) as ide:
        session = await ide.new_session(str(tmp_path), mcpServers=[given(spec)])
        assert await ide.prompt(session) == {"stopReason": "end_turn"}
        shown = str(ide.messages)
    asked = str(scripted.requests)
    assert "[redacted]" in shown
    for text in (shown, asked, *(record.getMessage() for record in caplog.records if record.name.startswith("contin"))):
        assert SECRET not in text
    assert results(scripted.requests[-1].messages)["c1"].is_error is bool(refuses)


async def test_the_official_clients_own_log_is_not_on_stderr(continuum_command: str, tmp_path: Path) -> None:
    """It repeats what servers say."""

    async def page(peer: Peer) -> None:
        while await peer.request():
            await peer.send(response("200 OK", SECRET))

    async with (
        raw_server(page) as server,
        open_upstream() as upstream,
        open_agent(continuum_command, tmp_path, backend(upstream.url)) as agent,
    ):
        url = f"http://127.0.0.1:{server.origin.port}/"
        session = await agent.new_session(str(tmp_path), mcpServers=[given(Spec("double", "http", url=url))])
        await agent.call("turn", "session/prompt", sessionId=session, prompt=[{"type": "text", "text": "hi"}])
        (told,) = agent.said("agent_thought_chunk")
        assert "no MCP server" in told
