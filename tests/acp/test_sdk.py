"""The official Python SDK as a client of the real process, in front of a scripted upstream: an editor that lends
nothing.
"""

import asyncio
from pathlib import Path
from typing import Any

import acp
import pytest
import trio
from acp import schema
from patience import promised
from sdk_editor import Editor, Scenario, run_editor
from stdio_agent import backend, write_config

from continuum.testing.upstream import Completion, Hang, Plain, Raw, Stream, Upstream, Wait, open_upstream


async def play(upstream: Upstream, scenario: Scenario, command: str, folder: Path, **sections: Any) -> None:
    config = write_config(folder, [backend(upstream.url, models=["test-model", "other-model"])], **sections)
    await run_editor(command, config, scenario, abilities=None)


async def test_handshake_and_streaming(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        newer = await editor.agent.initialize(protocol_version=99)
        assert newer.protocol_version == 1
        await editor.agent.authenticate(method_id="any")
        session = await editor.open()
        assert (await editor.prompt(session)).stop_reason == "end_turn"
        assert editor.said() == "Every word of this answer is made up."
        assert len(editor.chunks()) > 1
        assert len({chunk.message_id for chunk in editor.chunks()}) == 1

    async with open_upstream() as upstream:
        await play(upstream, scenario, continuum_command, tmp_path)
    assert upstream.calls[0].streaming


async def test_unknown_methods_and_sessions_have_their_codes(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        with pytest.raises(acp.RequestError) as caught:
            await editor.agent.ext_method("no_such", {})
        assert caught.value.code == -32601
        with pytest.raises(acp.RequestError) as caught:
            await editor.prompt("no such session")
        assert caught.value.code == -32002
        with pytest.raises(acp.RequestError) as caught:
            await editor.agent.new_session(cwd="relative", mcp_servers=[])
        assert caught.value.code == -32602

    async with open_upstream() as upstream:
        await play(upstream, scenario, continuum_command, tmp_path)


async def test_two_sessions_at_once(continuum_command: str, tmp_path: Path) -> None:
    gate = trio.Event()

    async def scenario(editor: Editor) -> None:
        slow, fast = await editor.open(), await editor.open()
        first = editor.prompt(slow)
        await editor.heard("slow ")
        await editor.prompt(fast)
        assert not first.done()
        await editor.in_trio(_set, gate)
        await first
        assert (editor.said(slow), editor.said(fast)) == ("slow end", "fast")

    async with open_upstream() as upstream:
        upstream.push(Stream(("slow ", Wait(gate), "end")), Stream(("fast",)))
        await play(upstream, scenario, continuum_command, tmp_path)


async def test_a_second_prompt_queues_and_the_conversation_goes_on(continuum_command: str, tmp_path: Path) -> None:
    gate = trio.Event()

    async def scenario(editor: Editor) -> None:
        session = await editor.open()
        prompts = [editor.prompt(session, text) for text in ("a", "b")]
        await editor.heard("one")
        assert len(upstream.calls) == 1
        await editor.in_trio(_set, gate)
        assert [(await prompt).stop_reason for prompt in prompts] == ["end_turn", "max_tokens"]
        assert editor.said() == "onetwo"

    async with open_upstream() as upstream:
        upstream.push(Stream(("one", Wait(gate))), Stream(("two",), finish_reason="length"))
        await play(upstream, scenario, continuum_command, tmp_path, acp={"system_prompt": "be brief"})
    assert [(message["role"], message["content"]) for message in upstream.calls[1].json["messages"]] == [
        ("system", "be brief"),
        ("user", "a"),
        ("assistant", "one"),
        ("user", "b"),
    ]


async def test_cancel_in_each_state(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        session = await editor.open()

        before_the_first_token = editor.prompt(session)
        call = await editor.in_trio(upstream.next_call)
        await _cancelled(editor, session, before_the_first_token)
        await editor.in_trio(call.aborted)

        mid_stream = editor.prompt(session)
        call = await editor.in_trio(upstream.next_call)
        await editor.heard("half")
        queued = editor.prompt(session)
        await editor.agent.cancel(session_id=session)
        await _cancelled(editor, session, mid_stream)
        await _cancelled(editor, session, queued)
        await editor.in_trio(call.aborted)

        await editor.agent.cancel(session_id=session)  # too late for anything
        assert (await editor.prompt(session)).stop_reason == "end_turn"

    async with open_upstream() as upstream:
        upstream.push(Raw((Hang(),)), Stream(("half", Hang())))
        await play(upstream, scenario, continuum_command, tmp_path)
    assert len(upstream.calls) == 3


async def test_upstream_faults_become_errors_and_the_session_stays_usable(
    continuum_command: str, tmp_path: Path
) -> None:
    async def scenario(editor: Editor) -> None:
        session = await editor.open()
        with pytest.raises(acp.RequestError) as caught:
            await editor.prompt(session)
        assert caught.value.code == -32603
        assert "127.0.0.1" not in str(caught.value)
        assert (await editor.prompt(session)).stop_reason == "end_turn"

    async with open_upstream() as upstream:
        upstream.push(*[Plain({"error": {"message": "overloaded"}}, status=500)] * 3)  # as often as it is tried
        await play(upstream, scenario, continuum_command, tmp_path)


async def test_the_model_picker(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        opened = await editor.agent.new_session(cwd=str(tmp_path), mcp_servers=[])
        assert opened.config_options is not None
        option = opened.config_options[0]
        assert isinstance(option, schema.SessionConfigOptionSelect)
        assert (option.category, option.current_value) == ("model", "test-model")
        await editor.agent.set_config_option(config_id="model", session_id=opened.session_id, value="other-model")
        await editor.prompt(opened.session_id)

    async with open_upstream() as upstream:
        await play(upstream, scenario, continuum_command, tmp_path)
    assert upstream.calls[0].model == "other-model"


async def test_end_of_input_mid_turn(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        session = await editor.open()
        stuck = editor.prompt(session)
        await editor.heard("half")
        fine = editor.prompt(await editor.open())
        await editor.heard("whole")
        assert editor.process.stdin is not None
        editor.process.stdin.write_eof()
        assert (await stuck).stop_reason == "cancelled"
        assert (await fine).stop_reason == "end_turn"
        async with asyncio.timeout(2):
            assert await editor.process.wait() == 0

    async with open_upstream() as upstream:
        upstream.push(Stream(("half", Hang())), Completion(("whole",)))
        await play(upstream, scenario, continuum_command, tmp_path, acp={"eof_grace": "300ms"})


async def _set(event: trio.Event) -> None:
    event.set()


async def _cancelled(editor: Editor, session: str, prompt: asyncio.Task[schema.PromptResponse]) -> None:
    async with asyncio.timeout(promised(1)):
        await editor.agent.cancel(session_id=session)
        assert (await prompt).stop_reason == "cancelled"


async def test_sessions_last_across_processes(continuum_command: str, tmp_path: Path) -> None:
    sessions: list[str] = []
    cwd = str(tmp_path)

    async def begun(editor: Editor) -> None:
        sessions.append(await editor.open())
        await editor.agent.set_session_mode(session_id=sessions[0], mode_id="read_only")
        await editor.prompt(sessions[0], "first")

    async def gone_on(editor: Editor) -> None:
        listed = await editor.agent.list_sessions(cwd=cwd)
        assert [(each.session_id, each.title) for each in listed.sessions] == [(sessions[0], "first")]
        resumed = await editor.agent.resume_session(session_id=sessions[0], cwd=cwd, mcp_servers=[])
        assert (resumed.modes and resumed.modes.current_mode_id) == "read_only"
        assert editor.said() == ""
        await editor.agent.load_session(session_id=sessions[0], cwd=cwd, mcp_servers=[])
        assert editor.said() == "one"
        await editor.prompt(sessions[0], "second")
        fork = await editor.agent.fork_session(session_id=sessions[0], cwd=cwd, mcp_servers=[])
        await editor.prompt(fork.session_id, "third")
        await editor.agent.close_session(session_id=sessions[0])
        with pytest.raises(acp.RequestError) as caught:
            await editor.prompt(sessions[0], "closed")
        assert caught.value.code == -32002

    async with open_upstream() as upstream:
        upstream.push(Stream(("one",)), Stream(("two",)), Stream(("three",)))
        await play(upstream, begun, continuum_command, tmp_path)
        await play(upstream, gone_on, continuum_command, tmp_path)
    for call, said in ((1, ["first", "one", "second"]), (2, ["first", "one", "second", "two", "third"])):
        assert [message["content"] for message in upstream.calls[call].json["messages"]] == said
