"""acpx, the headless ACP client, as users run it: in front of the real process and a scripted model. Every message
passes a tap that holds it to the schemas.

What it cannot express: a version of its own, an option that was not offered, and two sessions in one agent: each of
its sessions has an agent process of its own, and queues prompts by itself.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import acp_tap
import mcp_server
import pytest
import trio
from acp_schema import hold_tapped
from stdio_agent import backend, open_agent, until, write_config
from wishes import Wishes

from continuum.testing.upstream import Upstream, open_upstream

CLI = Path(__file__).resolve().parent / "node_modules/acpx/dist/cli.js"
ANSWER = "Every word of this answer is made up."
SECONDS = 50
DENIED = 5  # its exit code where permission was denied

pytestmark = pytest.mark.node


@dataclass
class Acpx:
    """The command line in a folder of its own, with an agent."""

    node: str
    agent: Sequence[str]
    folder: Path
    wishes: Wishes
    upstream: Upstream

    def command(self, *arguments: str) -> list[str]:
        return [self.node, str(CLI), "--agent", shlex.join(self.agent), "--ttl", "1", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(self.node).parent}:{os.environ['PATH']}"
        return {**os.environ, "HOME": str(self.folder), "PATH": path}

    async def run(self, *arguments: str, code: int = 0) -> str:
        """What it prints; it must end with this code."""
        done = await trio.run_process(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        assert done.returncode == code, (done.stdout + done.stderr).decode()
        return done.stdout.decode().strip()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL
        )

    @property
    def runs(self) -> list[Path]:
        """Of each agent so far, what it said; the name is its process id."""
        return list(self.tapped.glob("*.received"))

    def messages(self, method: str) -> list[dict[str, Any]]:
        """What the agents sent by that method so far."""
        lines = [line for file in self.runs for line in file.read_bytes().splitlines()]
        return [message for message in map(json.loads, lines) if message.get("method") == method]

    @property
    def tapped(self) -> Path:
        return self.folder / "tapped"


@asynccontextmanager
async def open_acpx(node: str, command: str, folder: Path) -> AsyncGenerator[Acpx]:
    wishes = Wishes()
    async with open_upstream(wishes) as upstream:
        wishes.told_by(upstream)
        config = write_config(folder, [backend(upstream.url)])
        agent = acp_tap.command(folder / "tapped", command, "--config", str(config))
        acpx = Acpx(node, agent, folder, wishes, upstream)
        with trio.fail_after(SECONDS):
            yield acpx
            for run in acpx.runs:
                await ended(run)
        assert hold_tapped(acpx.tapped) > 0


async def ended(run: Path) -> None:
    """Wait until an agent is gone."""
    await until(lambda: not Path(f"/proc/{run.stem}").exists())


def wish(*calls: tuple[str, dict[str, Any]]) -> str:
    return f"do {json.dumps(calls)}"


async def test_a_prompt_is_streamed(node: str, continuum_command: str, tmp_path: Path) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        printed = await acpx.run("--format", "json", "exec", "hello")
        messages = [json.loads(line) for line in printed.splitlines()]
        assert messages[-1]["result"]["stopReason"] == "end_turn"
        updates = [message["params"]["update"] for message in acpx.messages("session/update")]
        chunks = [each for each in updates if each["sessionUpdate"] == "agent_message_chunk"]
        assert len(chunks) > 1
        assert "".join(chunk["content"]["text"] for chunk in chunks) == ANSWER


@pytest.mark.parametrize("answer", ["approve", "deny"])
async def test_permission(answer: str, node: str, continuum_command: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        arguments = (f"--{answer}-all", "--format", "quiet", "exec", wish(("delete_file", {"path": "a.txt"})))
        allowed = answer == "approve"
        said = await acpx.run(*arguments, code=0 if allowed else DENIED)
        assert ("Deleted" if allowed else "the user does not allow it") in said
        assert len(acpx.messages("session/request_permission")) == 1
    assert (tmp_path / "a.txt").exists() is not allowed


async def test_files_terminals_and_mcp(node: str, continuum_command: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("on disk")
    server = {"name": "double", "command": sys.executable, "args": [mcp_server.__file__, "none"], "env": []}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": [server]}))
    wanted = wish(
        ("read_file", {"path": "f"}),
        ("edit_file", {"path": "f", "old_text": "on", "new_text": "off"}),
        ("run_command", {"command": "echo hello"}),
        ("double__echo", {"text": "hi"}),
    )
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        mcp = ("--mcp-config", str(tmp_path / "mcp.json"))
        said = await acpx.run("--approve-all", *mcp, "--format", "quiet", "exec", wanted)
        assert json.loads(said) == [
            "on disk",
            f"Changed {tmp_path}/f",
            "hello\n(exit status 0)",
            "you said hi",
        ]
        assert acpx.messages("fs/read_text_file")
        assert [each["params"]["content"] for each in acpx.messages("fs/write_text_file")] == ["off disk"]
        assert len(acpx.messages("terminal/create")) == len(acpx.messages("terminal/release")) == 1
        assert any("terminalId" in json.dumps(each) for each in acpx.messages("session/update"))  # embedded
    assert (tmp_path / "f").read_text() == "off disk"


async def test_two_sessions_at_once_and_a_prompt_that_waits_for_another(
    node: str, continuum_command: str, tmp_path: Path
) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        said: dict[str, str] = {}

        async def prompt(name: str, text: str) -> None:
            said[text] = await acpx.run("--format", "quiet", "prompt", "-s", name, text)

        for name in ("one", "other"):
            await acpx.run("sessions", "new", "--name", name)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(prompt, "one", "slow")
            await acpx.upstream.next_call()
            await acpx.run("prompt", "-s", "one", "--no-wait", "recall")
            await prompt("other", "open")
        assert (said["slow"], said["open"]) == ("slow end", "open")
        await until(lambda: len(acpx.wishes.heard) == 3)
        assert acpx.wishes.heard == ["slow", "open", "recall"]
        told = [(each["role"], each["content"]) for each in acpx.upstream.calls[-1].json["messages"]]
        assert told == [("user", "slow"), ("assistant", "slow end"), ("user", "recall")]


async def test_a_cancel_and_a_session_that_goes_on_in_another_process(
    node: str, continuum_command: str, tmp_path: Path
) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        await acpx.run("sessions", "new", "--name", "lasting")
        with acpx.start("prompt", "-s", "lasting", "half"):
            call = await acpx.upstream.next_call()
            await acpx.run("cancel", "-s", "lasting")
            await call.aborted()
        before = set(acpx.runs)
        for run in before:
            await ended(run)
        said = await acpx.run("--format", "quiet", "prompt", "-s", "lasting", "recall")
        assert json.loads(said) == [["user", "half"], ["assistant", "half"], ["user", "recall"]]
        assert set(acpx.runs) - before


async def test_a_client_that_dies_ends_the_turn_and_the_agent(
    node: str, continuum_command: str, tmp_path: Path
) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        with acpx.start("exec", "half") as client:
            call = await acpx.upstream.next_call()
            client.kill()
        await call.aborted()
        (run,) = acpx.runs
        await ended(run)


async def test_sessions_are_listed_by_pages(node: str, continuum_command: str, tmp_path: Path) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        made: set[str] = set()
        async with open_agent(continuum_command, tmp_path, backend(acpx.upstream.url)) as agent:
            for number in range(51):
                session = await agent.new_session(str(tmp_path), f"session-{number}")
                text = [{"type": "text", "text": "/help"}]  # what nobody spoke in is not listed
                await agent.call(f"turn-{number}", "session/prompt", sessionId=session, prompt=text)
                made.add(session)
        first = json.loads(await acpx.run("--format", "json", "sessions", "list"))
        more = ("--cursor", first["nextCursor"])
        second = json.loads(await acpx.run("--format", "json", "sessions", "list", *more))
        listed = [each["sessionId"] for page in (first, second) for each in page["sessions"]]
        assert (len(first["sessions"]), len(listed), set(listed)) == (50, 51, made)
