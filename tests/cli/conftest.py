"""A home for commands that run in this process: their exit codes and output are the real ones, their start is not."""

import logging
import os
from collections.abc import Generator
from pathlib import Path

import pytest

OURS = ("OPENAI", "ANTHROPIC", "AZURE_OPENAI", "GEMINI", "GOOGLE", "CONTINUUM", "XDG")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """The working and the home folder, and an environment without anything of ours. Logging is as it was afterwards."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("continuum")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield tmp_path
    logger.handlers[:], logger.level, logger.propagate = before
