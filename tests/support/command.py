"""The real command, run to its end: its output and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import trio
from click.testing import CliRunner, Result
from patience import PATIENCE_S

from continuum.cli.app import app

KEPT_VARIABLES = ("PATH", "LANG", "TMPDIR", "PYTHONPATH")


async def continuum(
    home: Path, *arguments: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run `continuum` in `home`, which is its home folder, too; it sees nothing of this machine's configuration."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    with trio.fail_after(PATIENCE_S):
        return await trio.run_process(
            [sys.executable, "-m", "continuum", *arguments],
            stdin=stdin,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=home,
            env={**kept, "HOME": str(home), **(environ or {})},
        )


async def invoke(*arguments: str) -> Result:
    """Run a command in this process, in a thread of its own: `continuum` costs a second of start-up each time."""

    def run() -> Result:
        return CliRunner().invoke(app, list(arguments), prog_name="continuum", catch_exceptions=False)

    with trio.fail_after(PATIENCE_S):
        return await trio.to_thread.run_sync(run)
