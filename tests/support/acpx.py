"""acpx, the headless ACP client, as users run it: in front of the real process and a scripted model. Every message
passes a tap that holds it to the schemas.
"""

import json
import os
import shlex
import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import acp_tap
import trio
from acp_schema import hold_tapped
from patience import PATIENCE_S
from stdio_agent import backend, until, write_config
from wishes import Wishes

from continuum.testing.upstream import Request, Upstream, open_upstream

CLI = Path(__file__).resolve().parents[1] / "node/node_modules/acpx/dist/cli.js"
DENIED = 5  # its exit code where permission was denied
ANSWER = "Every word of this answer is made up."

RECEIVED, SENT = ".received", ".sent"
"""What agents said, and what they were told."""

Message = dict[str, Any]


@dataclass
class Acpx:
    """The command line in a folder of its own, with an agent. options: before each command."""

    node: str
    agent: Sequence[str]
    folder: Path
    wishes: Wishes
    upstream: Upstream
    options: Sequence[str] = ("--ttl", "1")

    def command(self, *arguments: str) -> list[str]:
        return [self.node, str(CLI), "--agent", shlex.join(self.agent), *self.options, *arguments]

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

    def start(self, *arguments: str, terminal: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        """The command at work; what it prints is in `stdout`. terminal: its stdin and stderr."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal or subprocess.DEVNULL,
        )

    async def asked(self, wish: str) -> Request:
        """The next call of the model that is for this wish."""
        while True:
            call = await self.upstream.next_call()
            if call.json["messages"][-1]["content"] == wish:
                return call

    @property
    def runs(self) -> list[Path]:
        """Of each agent so far, what it said; the name is its process id."""
        return list(self.tapped.glob("*.received"))

    def messages(self, method: str, way: str = RECEIVED) -> list[Message]:
        """Those by that method so far, of all agents."""
        return [each for run in self.runs for each in lines(run.with_suffix(way)) if each.get("method") == method]

    def updates(self, kind: str) -> list[Message]:
        told = [message["params"]["update"] for message in self.messages("session/update")]
        return [update for update in told if update["sessionUpdate"] == kind]

    @property
    def tapped(self) -> Path:
        return self.folder / "tapped"


def lines(file: Path) -> list[Message]:
    """The whole ones."""
    *whole, _ = file.read_bytes().split(b"\n")
    return [json.loads(line) for line in whole]


@asynccontextmanager
async def open_acpx(
    node: str,
    command: str,
    folder: Path,
    *,
    to_agent: acp_tap.Changes | None = None,
    to_client: acp_tap.Changes | None = None,
    seconds: float = 2 * PATIENCE_S,
) -> AsyncGenerator[Acpx]:
    """The changes are the tap's; after the block no agent may be left."""
    wishes = Wishes()
    async with open_upstream(wishes) as upstream:
        wishes.told_by(upstream)
        agent = (command, "--config", str(write_config(folder, [backend(upstream.url)])))
        tapped = acp_tap.command(folder / "tapped", *agent, to_agent=to_agent, to_client=to_client)
        acpx = Acpx(node, tapped, folder, wishes, upstream)
        with trio.fail_after(seconds):
            yield acpx
            for run in acpx.runs:
                await ended(run)
        assert hold_tapped(acpx.tapped) > 0


async def ended(run: Path) -> None:
    """Wait until an agent is gone."""
    await until(lambda: not Path(f"/proc/{run.stem}").exists())


def wish(*calls: tuple[str, dict[str, Any]]) -> str:
    """A prompt that has tools called."""
    return f"do {json.dumps(calls)}"
