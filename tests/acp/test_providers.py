"""`providers/*`: a client sends the calls of a running agent elsewhere. The real process, in front of scripted
upstreams.
"""

from pathlib import Path

import trio
from acp_peer import Json, Peer
from agent_process import process

from continuum.testing.upstream import Stream, Wait, open_upstream

SUPPORTED = ["openai", "azure"]
GATEWAY: Json = {"providerId": "gateway", "supported": SUPPORTED, "required": False}
HEADERS = {"Authorization": "Bearer the-clients-own", "X-Request-Source": "${HOME}"}


async def listed(peer: Peer) -> dict[str, Json]:
    answer = await peer.call("providers/list", {})
    return {each["providerId"]: each for each in answer["result"]["providers"]}


def pointed(ident: str, url: str, **more: object) -> Json:
    return {"providerId": ident, "apiType": "openai", "baseUrl": url, "headers": HEADERS, **more}


async def turn(peer: Peer, session: str, text: str = "hi") -> str:
    """What is said in one turn, which must end well."""
    before = len(peer.said())
    assert "result" in await peer.answer(await peer.prompt(session, text))
    return peer.said()[before:]


async def test_a_client_points_a_backend_at_its_gateway(continuum_command: str, tmp_path: Path) -> None:
    gate = trio.Event()
    async with open_upstream() as own, open_upstream() as gateway:
        own.push(Stream(("slow ", Wait(gate), "end")))
        gateway.push(Stream(("from the gateway",)), Stream(("again",)))
        backend = f"{{name: b, url: '{own.url}/v1', api_key: our-secret, headers: {{X-Ours: hidden}}, models: [m]}}"
        async with process(continuum_command, tmp_path, backend) as peer:
            hello = await peer.initialize()
            assert hello["agentCapabilities"]["providers"] == {}
            session = await peer.new_session()
            assert await listed(peer) == {
                "b": {**GATEWAY, "providerId": "b", "current": {"apiType": "openai", "baseUrl": f"{own.url}/v1"}},
                "gateway": GATEWAY,
            }
            running = await peer.prompt(session, "one")
            assert (await peer.update())["content"]["text"] == "slow "
            url = f"{gateway.url}/v1"
            assert (await peer.call("providers/set", pointed("b", url)))["result"] == {}
            gate.set()
            assert (await peer.answer(running))["result"]["stopReason"] == "end_turn"  # where it began
            assert peer.said() == "slow end"
            assert await turn(peer, session, "two") == "from the gateway"
            current = (await listed(peer))["b"]["current"]
            assert current == {"apiType": "openai", "baseUrl": url}
            assert (await peer.call("providers/set", {**pointed("b", url), "headers": None}))["result"] == {}
            await turn(peer, session)
    first, second = gateway.calls
    assert [message["content"] for message in first.json["messages"]] == ["one", "slow end", "two"]
    assert {name: first.header(name) for name in HEADERS} == HEADERS  # and `${HOME}` is plain text
    assert (first.header("x-ours"), first.model) == (None, "m")
    assert {second.header(name) for name in HEADERS} == {None}, "set replaces all of it"
    assert len(own.calls) == 1


async def test_an_agent_without_backends_is_given_one(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream(models=["theirs"]) as gateway, process(continuum_command, tmp_path, "") as peer:
        session = await peer.new_session()
        assert "error" in await peer.answer(await peer.prompt(session))
        assert (await peer.call("providers/set", pointed("gateway", gateway.url)))["result"] == {}
        options = (await peer.notice_kept("config_option_update"))["configOptions"]
        assert [option["currentValue"] for option in options if option["id"] == "model"] == ["theirs"]
        assert await turn(peer, session)
        assert (await listed(peer))["gateway"]["current"]["baseUrl"] == gateway.url
    assert gateway.calls[0].header("authorization") == HEADERS["Authorization"]


async def test_a_disabled_backend_gets_no_calls_until_it_is_set_again(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        backend = f"{{name: b, url: '{upstream.url}', models: [m]}}"
        async with process(continuum_command, tmp_path, backend) as peer:
            session = await peer.new_session()
            for ident in ("b", "b", "nobody"):
                assert (await peer.call("providers/disable", {"providerId": ident}))["result"] == {}
            assert "current" not in (await listed(peer))["b"]
            assert "error" in await peer.answer(await peer.prompt(session))
            assert upstream.calls == []
            await peer.call("providers/set", pointed("b", upstream.url))
            assert await turn(peer, session)
    assert len(upstream.calls) == 1


REFUSED: list[tuple[Json, str]] = [
    (pointed("b", "http://169.254.169.254/v1"), "baseUrl: must not be a link-local or metadata address"),
    (pointed("b", "ftp://host"), "baseUrl: must begin with"),
    (pointed("b", "http://user:secret@host"), "baseUrl: must not hold a user name or password"),
    (pointed("b", "http://host", headers={"Host": "x"}), "headers.Host"),
    (pointed("b", "http://host", headers={"X-Y": "secret\n"}), "headers.X-Y"),
    (pointed("b", "http://host", apiType="vertex"), "apiType: must be one of openai, azure"),
    (pointed("nobody", "http://host"), "providerId: no provider 'nobody'"),
    ({"providerId": "b"}, "apiType"),
]


async def test_what_is_refused_changes_nothing(continuum_command: str, tmp_path: Path) -> None:
    async with process(continuum_command, tmp_path, "{name: b, url: 'http://127.0.0.1:9', models: [m]}") as peer:
        await peer.initialize()
        before = await listed(peer)
        for params, told in REFUSED:
            error = (await peer.call("providers/set", params))["error"]
            assert error["code"] == -32602
            assert told in error["message"]
            assert "secret" not in error["message"]
        assert await listed(peer) == before
