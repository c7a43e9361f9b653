"""`continuum admin`: the real command against the real application, the token found by itself."""

import json
import os
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from in_process import Served, served

from continuum.cli.app import run

KEY = "sk-planted-backend-key-4711"


@pytest.fixture
def router(tmp_path: Path) -> Generator[Served]:
    backends = [{"name": "alpha", "url": "http://127.0.0.1:9", "models": ["m"], "api_key": KEY}]
    with served(tmp_path, {"health_checks": {"enabled": False}, "backends": backends}) as running:
        yield running


class Shell:
    """The command line, in this process: what it prints on both pipes."""

    def __init__(self, router: Served, capsys: pytest.CaptureFixture[str]) -> None:
        self.router = router
        self._capsys = capsys

    def __call__(self, *arguments: str, status: int = 0, url: str = "") -> str:
        line = ["--config", str(self.router.file), "admin", "--url", url or self.router.url, *arguments]
        with pytest.raises(SystemExit) as ended:
            run(line)
        said = self._capsys.readouterr()
        assert (ended.value.code or 0) == status, said.out + said.err
        assert KEY not in said.out + said.err
        return said.out + said.err


@pytest.fixture
def shell(router: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.delenv("CONTINUUM_ADMIN_TOKEN", raising=False)
    return Shell(router, capsys)


def test_a_working_day(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "level: info" in shell("get", "logging")
    assert "sk-***4711" in shell("get")
    assert "version 2: logging.level set" in shell("set", "logging.level", "debug")
    assert "version 3: retry patched" in shell("patch", "retry", '{"max_attempts": 5}')
    restart = shell("set", "server.bind_address", "127.0.0.1:9999")
    assert "warning: bind_address: Changing bind_address requires server restart" in restart
    assert "logging" in shell("history")
    told = shell("rollback", "1", "--dry-run")
    assert 'logging.level: "debug" -> "info"' in told
    assert "Rolled back to version 1 (version 5)" in shell("rollback", "1")
    assert shell("diff", str(shell.router.file)) == ""
    file = tmp_path / "other.yaml"
    file.write_text(shell.router.file.read_text() + "logging: {level: warn}\n")
    assert "+  level: warn" in shell("diff", str(file), status=1)
    exported = tmp_path / "export.json"
    exported.write_text(shell("export", "--format", "json"))
    assert "(version 5)" in shell("import", str(exported))
    monkeypatch.setenv("K", KEY)
    assert "added successfully" in shell("backend", "add", "beta", "http://127.0.0.1:8", "--key-from", "K")
    assert "weight updated to 7" in shell("backend", "weight", "beta", "7")
    assert "removed successfully" in shell("backend", "rm", "beta", "--force")
    answer: Any = json.loads(shell("--json", "history"))
    assert answer["current_version"] == 8


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "a fault": (["set", "retry.max_attempts", "0"], 1, "max_attempts must be greater than 0"),
    "no such section": (["get", "nope"], 1, "SECTION_NOT_FOUND"),
    "no such version": (["rollback", "99"], 1, "VERSION_NOT_FOUND"),
    "no key": (["set", "logging", "x"], 2, "SECTION.KEY"),
    "no JSON": (["patch", "logging", "{"], 2, "not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_told(shell: Shell, name: str) -> None:
    arguments, status, told = REFUSED[name]
    assert told in shell(*arguments, status=status)


def test_a_wrong_token_and_nobody_there(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no router answers" in shell("get", status=1, url="http://127.0.0.1:9")
    monkeypatch.setenv("CONTINUUM_ADMIN_TOKEN", "wrong")
    assert "UNAUTHORIZED" in shell("get", status=1)


def test_the_real_command(router: Served, continuum_command: str) -> None:
    line = [continuum_command, "--config", str(router.file), "admin", "--url", router.url, "get", "logging"]
    kept = {"PATH": os.environ["PATH"], "HOME": str(router.file.parent)}
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, env=kept, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "level: info" in done.stdout
