"""What an editor lends to its agent: open buffers over the disk's files, and terminals that run real commands."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

__all__ = ["Desk", "Terminal"]


@dataclass
class Terminal:
    """One command. output: what it has printed. exit_status: as wait_for_exit tells it, None while it runs."""

    command: list[str]
    params: dict[str, Any]
    process: trio.Process
    output: bytearray = field(default_factory=bytearray)
    ended: trio.Event = field(default_factory=trio.Event)
    exit_status: dict[str, Any] | None = None
    killed: bool = False
    released: bool = False

    async def run(self) -> None:
        """Collect its output until it ends."""
        if self.process.stdout is None:
            raise ValueError("a terminal reads what its command prints")
        async with self.process.stdout as printed:
            async for data in printed:
                self.output += data
        code = await self.process.wait()
        self.exit_status = {"exitCode": code} if code >= 0 else {"exitCode": None, "signal": str(-code)}
        self.ended.set()

    def kill(self) -> None:
        """End the command and what it started, if it still runs."""
        if self.process.poll() is None:
            self.killed = True
            os.killpg(self.process.pid, signal.SIGKILL)


@dataclass
class Desk:
    """buffers: texts by absolute path that the user has not saved; they win over the disk.

    written: every write the agent made, in order. requests: every method it asked for, in order.
    """

    nursery: trio.Nursery
    buffers: dict[str, str] = field(default_factory=dict[str, str])
    written: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    terminals: dict[str, Terminal] = field(default_factory=dict[str, Terminal])
    requests: list[str] = field(default_factory=list[str])
    before_terminal: trio.Event | None = None
    """Set to an event, a new terminal is answered only after it."""

    async def serve(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """One fs or terminal request. OSError, KeyError: what the client refuses."""
        self.requests.append(method)
        match method:
            case "fs/read_text_file":
                path = params["path"]
                text = self.buffers[path] if path in self.buffers else await _on_disk(path)
                first = (params.get("line") or 1) - 1
                limit = params.get("limit")
                lines = text.splitlines(keepends=True)[first:]
                return {"content": "".join(lines[:limit] if limit else lines)}
            case "fs/write_text_file":
                return await self._write(params["path"], params["content"])
            case "terminal/create":
                return await self._create(params)
            case _:
                return await self._of_terminal(method, self.terminals[params["terminalId"]])

    async def _write(self, path: str, text: str) -> dict[str, Any]:
        self.written.append((path, text))
        self.buffers.pop(path, None)
        place = trio.Path(path)
        await place.parent.mkdir(parents=True, exist_ok=True)
        await place.write_bytes(text.encode())
        return {}

    async def _create(self, params: dict[str, Any]) -> dict[str, Any]:
        command = [params["command"], *params.get("args", [])]
        process = await trio.lowlevel.open_process(
            command,
            cwd=params.get("cwd"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ident = f"term_{len(self.terminals) + 1}"
        terminal = self.terminals[ident] = Terminal(command, params, process)
        self.nursery.start_soon(terminal.run)
        if self.before_terminal is not None:
            await self.before_terminal.wait()
        return {"terminalId": ident}

    async def _of_terminal(self, method: str, terminal: Terminal) -> dict[str, Any]:
        if terminal.released:
            raise KeyError("the terminal was released")
        match method:
            case "terminal/output":
                text = terminal.output.decode("utf-8", "replace")
                limit: int = terminal.params.get("outputByteLimit", len(text))
                cut = len(text) > limit
                status = {} if terminal.exit_status is None else {"exitStatus": terminal.exit_status}
                return {"output": text[len(text) - limit :] if cut else text, "truncated": cut, **status}
            case "terminal/wait_for_exit":
                await terminal.ended.wait()
                return terminal.exit_status or {}
            case "terminal/kill":
                terminal.kill()
            case "terminal/release":
                terminal.kill()
                terminal.released = True
            case _:
                raise KeyError(method)
        return {}

    async def close(self) -> None:
        """End every command; done when they are gone."""
        for terminal in self.terminals.values():
            terminal.kill()
            await terminal.ended.wait()


async def _on_disk(path: str) -> str:
    return await trio.to_thread.run_sync(lambda: Path(path).read_bytes().decode())
