"""Where Node is, for every client of this folder."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def node(checkout: Path) -> str:
    """Node 22 or later beside the installed packages of this folder; see scripts/lib.sh for where it is looked for."""
    if not (HERE / "node_modules" / "openai").is_dir():
        pytest.skip("the packages of tests/node are not installed (npm ci)")
    for candidate in (os.environ.get("CONTINUUM_NODE"), str(checkout / ".venv-node/bin/node"), "node"):
        path = shutil.which(candidate) if candidate else None
        if path is None:
            continue
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        if told.startswith("v") and int(told[1:].partition(".")[0]) >= 22:
            return path
    pytest.skip("Node 22 or later is not installed")
