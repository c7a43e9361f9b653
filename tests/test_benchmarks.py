"""The benchmark a user runs: it measures, tells failures, and exits accordingly. Its figures are not judged here."""

import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from child import Child


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with Child(["-m", "continuum.testing.upstream"], home=tmp_path_factory.mktemp("home")) as child:
        yield child.wait_for_line(r"^(http://\S+)$", pipe="stdout").group(1)


def run(checkout: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "benchmarks/run.py"), "--url", url, "--direct", f"{url}/v1"]
    load = ["--concurrency", "2", "--requests", "4", "--rounds", "2"]
    return subprocess.run([*command, *load, *arguments], check=False, capture_output=True, text=True, timeout=60)


def test_both_sides_are_measured(checkout: Path, url: str, tmp_path: Path) -> None:
    written = tmp_path / "rounds.json"
    done = run(checkout, url, "--model", "test-model", "--json", str(written))
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("whole answers: 2 at a time", "streams: 2 at a time", "first content, median", "finished, 1/s"):
        assert line in done.stdout
    for sides in json.loads(written.read_text(encoding="utf-8")).values():
        for rounds in sides.values():
            assert [len(each["whole"]) for each in rounds] == [4, 4]


def test_failures_are_told(checkout: Path, url: str) -> None:
    done = run(checkout, url, "--model", "fault/status-500")
    assert done.returncode == 1
    assert "FAILED, continuum: 8 x status 500" in done.stdout
    assert "FAILED, direct: 8 x status 500" in done.stdout
