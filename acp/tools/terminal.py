"""A command in a terminal of the client's: embedded while it runs, ended at its limit, always released."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from ..client import Client
from ..jsonrpc import JsonObject, RpcError
from ..sent.requests import (
    CREATE_TERMINAL,
    KILL_TERMINAL,
    RELEASE_TERMINAL,
    TERMINAL_OUTPUT,
    WAIT_FOR_EXIT,
    Ask,
    CreateTerminal,
    OfTerminal,
    Variable,
)
from ..workbench import Workbench
from .base import Output, Progress, ToolFault, shortened
from .output import KEPT

__all__ = ["run_in_terminal"]

_ANSWER_TIME: Final = 30.0  # seconds for the client to make a terminal, or to say what it shows
_END_TIME: Final = 2.0  # seconds for a killed command to be gone
_ENVIRONMENT: Final[list[Variable]] = [{"name": "PAGER", "value": "cat"}, {"name": "GIT_TERMINAL_PROMPT", "value": "0"}]


async def run_in_terminal(bench: Workbench, argv: Sequence[str], cwd: str, progress: Progress) -> Output:
    """Run to the end, or to the time limit."""
    params: CreateTerminal = {
        "sessionId": bench.session_id,
        "command": argv[0],
        "args": list(argv[1:]),
        "env": _ENVIRONMENT,
        "cwd": cwd,
        "outputByteLimit": KEPT,
    }

    def release_late(answer: JsonObject) -> None:
        if isinstance(ident := answer.get("terminalId"), str):
            _Terminal(bench.client, bench.session_id, ident).release()

    answer: JsonObject | None = None
    with trio.move_on_after(_ANSWER_TIME):
        try:
            answer = await bench.client.request(CREATE_TERMINAL, params, late=release_late)
        except RpcError as error:
            raise ToolFault(f"The client refused the command: {error.message[:500]}") from None
    if answer is None:
        raise ToolFault(f"The client made no terminal within {_ANSWER_TIME:.0f} s")
    ident = answer.get("terminalId")
    if not isinstance(ident, str):
        raise ToolFault("The client gave no terminal")
    return await _Terminal(bench.client, bench.session_id, ident).attend(bench.tools.command_timeout, progress)


class _Terminal:
    """One terminal of the client's."""

    def __init__(self, client: Client, session_id: str, ident: str) -> None:
        self._client = client
        self._params: OfTerminal = {"sessionId": session_id, "terminalId": ident}
        self._ident = ident

    async def attend(self, limit_s: float, progress: Progress) -> Output:
        """Show it, wait for the command's end, take what it said, release it."""
        try:
            await progress([{"type": "terminal", "terminalId": self._ident}])
            status = await self._wait(limit_s)
            timed_out = status is None
            if status is None:
                status = await self._kill()
            shown = await self._ask(TERMINAL_OUTPUT)
        except RpcError as error:
            raise ToolFault(f"The terminal failed: {error.message[:500]}") from None
        finally:
            self.release()
        return _output(shown, status, limit_s if timed_out else None)

    def release(self) -> None:
        """Give it back, ended; nothing is awaited, so cancellation is no hindrance."""
        self._client.tell(KILL_TERMINAL, self._params)
        self._client.tell(RELEASE_TERMINAL, self._params)

    async def _wait(self, limit_s: float) -> JsonObject | None:
        with trio.move_on_after(limit_s):
            return await self._client.request(WAIT_FOR_EXIT, self._params)
        return None

    async def _kill(self) -> JsonObject:
        await self._ask(KILL_TERMINAL)
        return await self._wait(_END_TIME) or {}

    async def _ask(self, ask: Ask[OfTerminal]) -> JsonObject:
        with trio.move_on_after(_ANSWER_TIME):
            return await self._client.request(ask, self._params)
        return {}


def _output(shown: JsonObject, status: JsonObject, limit_s: float | None) -> Output:
    text = shown.get("output")
    text = shortened(text if isinstance(text, str) else "", KEPT)
    cut = "[... truncated by the client ...]\n" if shown.get("truncated") is True else ""
    code, signal = status.get("exitCode"), status.get("signal")
    if limit_s is not None:
        how = f"stopped after {limit_s:g} s: the time limit"
    elif signal:
        how = f"ended by signal {signal}"
    else:
        how = f"exit status {code}"
    said = f"{cut}{text}{'' if not text or text.endswith(chr(10)) else chr(10)}({how})"
    raw = {"exitCode": code, "signal": signal, "truncated": bool(cut)}
    return Output(said, content=[], raw=raw, failed=limit_s is not None)
