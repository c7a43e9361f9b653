"""The real agent process on pipes, with its client's end in the test."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio
from acp_peer import Peer
from patience import PATIENCE_S

__all__ = ["process"]


@asynccontextmanager
async def process(command: str, folder: Path, backends: str, more: str = "") -> AsyncGenerator[Peer]:
    """A real agent; it must leave with 0 and say nothing on stderr. backends, more: YAML in braces and lines."""
    file = folder / "continuum.yaml"
    file.write_text(
        f"backends: [{backends}]\nlogging: {{level: error}}\nhealth_checks: {{enabled: false}}\n"
        f"storage: {{dir: '{folder}'}}\n{more or STORED_NOWHERE}",
        encoding="utf-8",
    )
    agent_in, to_agent = os.pipe()
    from_agent, agent_out = os.pipe()
    peer = Peer(from_agent, to_agent)
    said = folder / "stderr"
    with said.open("wb") as stderr:
        run = partial(trio.run_process, stdin=agent_in, stdout=agent_out, stderr=stderr, check=False)
        async with trio.open_nursery() as nursery:
            started: trio.Process = await nursery.start(run, [command, "--config", str(file)])
            os.close(agent_in)
            os.close(agent_out)
            with trio.fail_after(PATIENCE_S):
                yield peer
            await peer.aclose()
    assert (started.returncode, said.read_bytes()) == (0, b"")


STORED_NOWHERE = "acp: {sessions: {storage: memory}}\n"
