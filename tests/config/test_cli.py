"""`continuum config check|show|schema`, in process through click's own runner."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from continuum.cli.config import config
from continuum.cli.options import Options
from continuum.config import Config, from_mapping, json_schema, masked
from continuum.config.codec import parse

FILE = """\
server: {workers: 2}
backends:
  - {name: a, url: "http://h", api_key: "${KEY}"}
routing:
  rules: [{match: m, backends: [gone]}]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own, and an environment without anything of ours."""
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    for name in ("CONTINUUM_CONFIG", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(config, list(arguments), env=environ, catch_exceptions=False)


def test_check(home: Path) -> None:
    (home / "continuum.yaml").write_text(FILE)
    result = run("check", KEY="sk-hidden")
    assert result.exit_code == 0
    assert result.stdout == "ok: continuum.yaml (1 backend)\n"
    assert "warning: routing.rules.0.backends.0: there is no backend 'gone'\n" in result.stderr


def test_check_without_a_file(home: Path) -> None:
    assert not list(home.iterdir())
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: no configuration file (")
    assert result.stderr.startswith("found: ")


def test_check_tells_every_fault(home: Path) -> None:
    path = home / "c.yaml"
    path.write_text(FILE.replace("workers", "wrkers"))
    result = run("check", "--config", str(path), "--set", "logging.level=loud")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{path}:1: server.wrkers: unknown key; did you mean 'workers'?",
        f"{path}:3: backends.0.api_key: environment variable KEY is not set",
        "--set: logging.level: must be 'trace', 'debug', 'info', 'warn' or 'error' (got \"loud\")",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [\n", "c.yaml:2: not valid YAML: "),
        ("- a", "c.yaml: must hold a mapping"),
        ("a: *b", "c.yaml:1: a: YAML aliases"),
    ],
)
def test_broken_text_is_one_line(home: Path, text: str, message: str) -> None:
    (home / "c.yaml").write_text(text)
    result = run("check", "--config", "c.yaml")
    assert result.exit_code == 2
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_file_that_is_not_there(home: Path, command: str) -> None:
    result = run(command, "--config", str(home / "nope.yaml"))
    assert (result.exit_code, result.stderr) == (2, f"{home}/nope.yaml: no such file\n")


def test_show(home: Path) -> None:
    (home / "continuum.yaml").write_text(FILE)
    result = run("show", KEY="sk-hidden", CONTINUUM_SERVER__WORKERS="3")
    assert result.exit_code == 0
    assert "hidden" not in result.output
    shown = parse(result.stdout, "yaml").data
    assert shown["server"]["workers"] == 3
    assert shown["backends"][0]["api_key"] == "***"
    as_json = run("show", "--json", KEY="sk-hidden", CONTINUUM_SERVER__WORKERS="3")
    assert json.loads(as_json.stdout) == shown


def test_what_is_shown_is_a_file(home: Path) -> None:
    (home / "empty.yaml").write_text("")
    (home / "shown.yaml").write_text(run("show", "--config", "empty.yaml").stdout)
    assert json.loads(run("show", "--json", "--config", "shown.yaml").stdout) == masked(Config())
    assert from_mapping(masked(Config())) == Config()


def test_the_routers_own_options_count_too(home: Path) -> None:
    (home / "c.yaml").write_text("server: {workers: 2}")
    options = Options(
        config="c.yaml",
        bind="127.0.0.1:0",
        sets=(
            "server.workers=3",
            "server.max_connections=9",
        ),
    )
    arguments = ["show", "--json", "--set", "server.workers=4"]
    result = CliRunner().invoke(config, arguments, obj=options, catch_exceptions=False)
    server = json.loads(result.stdout)["server"]
    assert (server["workers"], server["max_connections"], server["bind_address"]) == (4, 9, "127.0.0.1:0")


def test_schema() -> None:
    assert json.loads(run("schema").stdout) == json_schema()
