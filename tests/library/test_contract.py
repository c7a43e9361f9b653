"""contract.py with the installed wheel: each row holds, and two type checkers, strict, have nothing to say about it or
about the examples.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from child import Child

PROGRAM = Path(__file__).with_name("contract.py")
ROWS: list[str] = re.findall(r'^@row\("(.*)"\)$', PROGRAM.read_text(encoding="utf-8"), re.MULTILINE)
SECONDS = 300
NEEDS_MORE = {"fastapi_integration.py"}
"""Examples with packages that the wheel does not ask for: scripts/check has them."""


@pytest.fixture(scope="session")
def results(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What was wrong, row by row."""
    home = tmp_path_factory.mktemp("contract")
    with Child(["-m", "continuum.testing.upstream", "--port", "0"], home=home) as upstream:
        url = upstream.wait_for_line(r"http://\S+", pipe="stdout")[0]
        done = subprocess.run(
            [installed / "python", "-W", "error::ResourceWarning", PROGRAM, url, home],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return {line["row"]: line["fault"] for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("row", ROWS)
def test_a_row(row: str, results: dict[str, str]) -> None:
    assert not results[row], results[row]


def test_every_row_was_tried(results: dict[str, str]) -> None:
    assert list(results) == ROWS
    assert len(ROWS) > 20


@pytest.fixture
def programs(checkout: Path, tmp_path: Path) -> list[str]:
    """The names of the users' programs, copied to where nothing of the checkout lies."""
    sources = [PROGRAM, *sorted((checkout / "examples").glob("*.py"))]
    wanted = [path for path in sources if path.name not in NEEDS_MORE]
    for path in wanted:
        shutil.copy(path, tmp_path)
    return [path.name for path in wanted]


@pytest.mark.slow
def test_mypy_has_nothing_to_say(installed: Path, programs: list[str], tmp_path: Path) -> None:
    python = str(installed / "python")
    checked([sys.executable, "-m", "mypy", "--strict", "--python-executable", python, *programs], tmp_path)


@pytest.mark.slow
@pytest.mark.node
def test_pyright_has_nothing_to_say(
    installed: Path, node: str, checkout: Path, programs: list[str], tmp_path: Path
) -> None:
    del programs
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    pyright = checkout / "tests/node/node_modules/pyright/index.js"
    checked([node, str(pyright), "--pythonpath", str(installed / "python")], tmp_path)


def checked(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
