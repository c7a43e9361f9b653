"""`continuum config init|check|show|schema|docs`, in process through click's own runner."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from continuum.cli.config import config
from continuum.cli.options import Options
from continuum.config import Config, from_mapping, json_schema, load, markdown, masked
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
    for name in ("CONTINUUM_CONFIG", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
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


def test_check_tells_prompt_files_that_cannot_be_read(home: Path) -> None:
    models = "{m: {prompt_file: there.md}, n: {prompt_file: latin.md}}"
    (home / "c.yaml").write_text(f"global_prompts: {{default_file: gone.md, models: {models}}}\n")
    (home / "there.md").write_text("x")
    (home / "latin.md").write_bytes(b"\xe9")
    result = run("check", "c.yaml")
    assert result.exit_code == 0
    assert [each for each in result.stderr.splitlines() if each.startswith("warning")] == [
        'warning: global_prompts.default_file: there is no such prompt file (got "gone.md")',
        'warning: global_prompts.models.n.prompt_file: is not UTF-8 text (got "latin.md")',
    ]


def test_check_without_a_file(home: Path) -> None:
    assert not list(home.iterdir())
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: no configuration file (")
    assert result.stderr.startswith("continuum: no configuration file; looked at what this machine has:\n")
    assert re.search(r"^continuum:   OPENAI_API_KEY +not set$", result.stderr, re.MULTILINE)


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


def test_docs() -> None:
    assert run("docs").stdout == markdown()


def test_init(home: Path) -> None:
    result = run("init", OPENAI_API_KEY="sk-hidden", OPENAI_BASE_URL="https://gateway.example")
    path = home / "continuum.yaml"
    assert result.exit_code == 0
    assert re.fullmatch(r"wrote continuum\.yaml \([0-9]+ backends?\)\n", result.stdout)
    assert re.search(r"OPENAI_API_KEY +backend openai at OPENAI_BASE_URL$", result.stderr, re.MULTILINE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "hidden" not in path.read_text() + result.output
    first, *_ = load(path, environ={"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://other.example"}).backends
    assert (first.name, first.base, first.keys[0].reveal()) == ("openai", "https://other.example", "sk-1")


def _dangle(path: Path) -> None:
    path.symlink_to("nowhere.yaml")


MAKERS: list[Callable[[Path], None]] = [Path.touch, Path.mkdir, _dangle]


@pytest.mark.parametrize("make", MAKERS)
def test_init_never_overwrites(home: Path, make: Callable[[Path], None]) -> None:
    make(home / "mine.yaml")
    result = run("init", "mine.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "mine.yaml: is there already; nothing was written\n"
    assert [path.name for path in home.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/such/folder/c.yaml", "no/such/folder/c.yaml: cannot be written: No such file or directory\n"),
        ("c.toml", "c.toml: must end in .yaml or .yml: YAML is what is written\n"),
    ],
)
def test_init_where_nothing_can_be_written(home: Path, name: str, message: str) -> None:
    result = run("init", name)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", message)
    assert not list(home.iterdir())


def test_init_with_a_faulty_variable(home: Path) -> None:
    result = run("init", OPENAI_API_KEY="sk-hidden", OPENAI_BASE_URL="nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith("OPENAI_BASE_URL: backends.0.url: must begin with http://")
    assert not list(home.iterdir())
