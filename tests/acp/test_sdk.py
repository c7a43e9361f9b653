"""The official Python SDK as a client of the real process, in front of a scripted upstream.

The SDK lives on asyncio: it runs in a thread, and asks the upstream, which lives on trio, across it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import acp
import pytest
import trio
from acp import schema
from acp.connection import StreamDirection, StreamEvent
from acp_schema import hold_to_schema

from continuum.testing.upstream import Completion, Hang, Plain, Raw, Stream, Upstream, Wait, open_upstream

T = TypeVar("T")
SECONDS = 20


@dataclass
class Editor:
    """The client: what it is told, and the agent it talks to."""

    trio_token: trio.lowlevel.TrioToken
    updates: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    told: asyncio.Condition = field(default_factory=asyncio.Condition)
    methods: dict[int, str] = field(default_factory=dict[int, str])
    checked: int = 0
    agent: acp.Agent = field(init=False)
    process: asyncio.subprocess.Process = field(init=False)

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        async with self.told:
            self.updates.append((session_id, update))
            self.told.notify_all()

    def watch(self, event: StreamEvent) -> None:
        """Hold every message of ours to the official schema: it parses, and nothing in it is unknown or mended."""
        message = event.message
        if event.direction is StreamDirection.OUTGOING:
            if "id" in message:
                self.methods[message["id"]] = message["method"]
            return
        hold_to_schema(message, self.methods)
        self.checked += 1

    async def in_trio(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        return await asyncio.to_thread(partial(trio.from_thread.run, trio_token=self.trio_token), function, *args)

    async def new_session(self) -> str:
        opened = await self.agent.new_session(cwd="/", mcp_servers=[])
        return opened.session_id

    def prompt(self, session: str, text: str = "hi") -> asyncio.Task[schema.PromptResponse]:
        return asyncio.ensure_future(self.agent.prompt(session_id=session, prompt=[acp.text_block(text)]))

    async def heard(self, text: str) -> None:
        """Wait until that much was streamed."""
        async with self.told:
            await self.told.wait_for(lambda: text in self.said())

    def said(self, session: str | None = None) -> str:
        return "".join(
            update.content.text
            for told, update in self.updates
            if session in (None, told) and isinstance(update, schema.AgentMessageChunk)
        )


Scenario = Callable[[Editor], Awaitable[None]]


async def play(upstream: Upstream, scenario: Scenario, command: str, folder: Path, extra: str = "") -> None:
    """Run a scenario against a fresh process; it must leave with 0 and without a word on stderr."""
    config = folder / "continuum.yaml"
    config.write_text(
        "logging: {level: error}\n"
        f"backends: [{{name: b, type: generic, url: '{upstream.url}/v1', models: [test-model, other-model]}}]\n{extra}",
        encoding="utf-8",
    )
    token = trio.lowlevel.current_trio_token()

    async def main() -> None:
        editor = Editor(token)
        errors: list[BaseException] = []

        def watch(event: StreamEvent) -> None:
            try:
                editor.watch(event)
            except Exception as error:  # the SDK would only log it
                errors.append(error)
                raise

        arguments = (command, "--mode", "stdio", "--config", str(config))
        async with (
            asyncio.timeout(SECONDS),
            acp.spawn_agent_process(editor, *arguments, observers=[watch]) as (agent, process),  # type: ignore[arg-type]
        ):
            editor.agent, editor.process = agent, process
            hello = await agent.initialize(protocol_version=acp.PROTOCOL_VERSION)
            assert hello.protocol_version == 1
            await scenario(editor)
        assert process.stderr is not None
        said = await process.stderr.read()
        assert (process.returncode, said) == (0, b"")
        assert not errors
        assert editor.checked

    await trio.to_thread.run_sync(asyncio.run, main())


async def test_handshake_and_streaming(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        newer = await editor.agent.initialize(protocol_version=99)
        assert newer.protocol_version == 1
        await editor.agent.authenticate(method_id="any")
        session = await editor.new_session()
        assert (await editor.prompt(session)).stop_reason == "end_turn"
        assert editor.said() == "Every word of this answer is made up."
        chunks = [update for _, update in editor.updates if isinstance(update, schema.AgentMessageChunk)]
        assert len(chunks) > 1
        assert len({chunk.message_id for chunk in chunks}) == 1

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
        slow, fast = await editor.new_session(), await editor.new_session()
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
        session = await editor.new_session()
        prompts = [editor.prompt(session, text) for text in ("a", "b")]
        await editor.heard("one")
        assert len(upstream.calls) == 1
        await editor.in_trio(_set, gate)
        assert [(await prompt).stop_reason for prompt in prompts] == ["end_turn", "max_tokens"]
        assert editor.said() == "onetwo"

    async with open_upstream() as upstream:
        upstream.push(Stream(("one", Wait(gate))), Stream(("two",), finish_reason="length"))
        await play(upstream, scenario, continuum_command, tmp_path, "acp: {system_prompt: be brief}\n")
    assert [(message["role"], message["content"]) for message in upstream.calls[1].json["messages"]] == [
        ("system", "be brief"),
        ("user", "a"),
        ("assistant", "one"),
        ("user", "b"),
    ]


async def test_cancel_in_each_state(continuum_command: str, tmp_path: Path) -> None:
    async def scenario(editor: Editor) -> None:
        session = await editor.new_session()

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
        session = await editor.new_session()
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
        opened = await editor.agent.new_session(cwd="/", mcp_servers=[])
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
        session = await editor.new_session()
        stuck = editor.prompt(session)
        await editor.heard("half")
        fine = editor.prompt(await editor.new_session())
        await editor.heard("whole")
        assert editor.process.stdin is not None
        editor.process.stdin.write_eof()
        assert (await stuck).stop_reason == "cancelled"
        assert (await fine).stop_reason == "end_turn"
        async with asyncio.timeout(2):
            assert await editor.process.wait() == 0

    async with open_upstream() as upstream:
        upstream.push(Stream(("half", Hang())), Completion(("whole",)))
        await play(upstream, scenario, continuum_command, tmp_path, "acp: {eof_grace: 300ms}\n")


async def _set(event: trio.Event) -> None:
    event.set()


async def _cancelled(editor: Editor, session: str, prompt: asyncio.Task[schema.PromptResponse]) -> None:
    async with asyncio.timeout(1):
        await editor.agent.cancel(session_id=session)
        assert (await prompt).stop_reason == "cancelled"


async def test_sessions_last_across_processes(continuum_command: str, tmp_path: Path) -> None:
    sessions: list[str] = []
    stored = f"storage: {{dir: '{tmp_path}/state'}}\n"

    async def begun(editor: Editor) -> None:
        sessions.append(await editor.new_session())
        await editor.agent.set_session_mode(session_id=sessions[0], mode_id="read_only")
        await editor.prompt(sessions[0], "first")

    async def gone_on(editor: Editor) -> None:
        listed = await editor.agent.list_sessions(cwd="/")
        assert [(each.session_id, each.title) for each in listed.sessions] == [(sessions[0], "first")]
        resumed = await editor.agent.resume_session(session_id=sessions[0], cwd="/", mcp_servers=[])
        assert (resumed.modes and resumed.modes.current_mode_id) == "read_only"
        assert editor.said() == ""
        await editor.agent.load_session(session_id=sessions[0], cwd="/", mcp_servers=[])
        assert editor.said() == "one"
        await editor.prompt(sessions[0], "second")
        fork = await editor.agent.fork_session(session_id=sessions[0], cwd="/", mcp_servers=[])
        await editor.prompt(fork.session_id, "third")
        await editor.agent.close_session(session_id=sessions[0])
        with pytest.raises(acp.RequestError) as caught:
            await editor.prompt(sessions[0], "closed")
        assert caught.value.code == -32002

    async with open_upstream() as upstream:
        upstream.push(Stream(("one",)), Stream(("two",)), Stream(("three",)))
        await play(upstream, begun, continuum_command, tmp_path, stored)
        await play(upstream, gone_on, continuum_command, tmp_path, stored)
    for call, said in ((1, ["first", "one", "second"]), (2, ["first", "one", "second", "two", "third"])):
        assert [message["content"] for message in upstream.calls[call].json["messages"]] == said
