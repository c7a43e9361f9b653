"""Where the configuration file is found."""

import subprocess
import sys
from pathlib import Path

import pytest

from continuum.config.files import find
from continuum.errors import ConfigError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("work", "xdg/continuum", "home/.config/continuum"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def made(path: Path) -> Path:
    path.write_text("")
    return path


def test_the_order(home: Path) -> None:
    cwd = home / "work"
    environ = {"XDG_CONFIG_HOME": str(home / "xdg"), "HOME": str(home / "home")}
    assert find(None, environ, cwd) in {None, *Path("/etc/continuum").glob("config.*")}
    last_first = ["xdg/continuum/config.toml", "xdg/continuum/config.yaml"]
    last_first += [f"work/{stem}.{suffix}" for stem in ("config", "continuum") for suffix in ("toml", "yml", "yaml")]
    for name in last_first:
        path = made(home / name)
        assert find(None, environ, cwd) == path
    environ["CONTINUUM_CONFIG"] = str(made(home / "named.json"))
    assert find(None, environ, cwd) == home / "named.json"
    assert find(str(made(home / "explicit")), environ, cwd) == home / "explicit"


def test_relative_names_are_taken_from_the_working_directory(home: Path) -> None:
    made(home / "work" / "x.yaml")
    assert find("x.yaml", {}, home / "work") == home / "work" / "x.yaml"
    assert find(None, {"CONTINUUM_CONFIG": "x.yaml"}, home / "work") == home / "work" / "x.yaml"


def test_the_users_folder_without_xdg(home: Path) -> None:
    path = made(home / "home/.config/continuum/config.yaml")
    for environ in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}):
        assert find(None, {"HOME": str(home / "home"), **environ}, home / "work") == path


def test_a_folder_is_no_file(home: Path) -> None:
    (home / "work/continuum.yaml").mkdir()
    path = made(home / "work/config.yaml")
    assert find(None, {}, home / "work") == path


def test_an_empty_variable_is_none(home: Path) -> None:
    path = made(home / "work/config.yaml")
    assert find(None, {"CONTINUUM_CONFIG": ""}, home / "work") == path


def test_what_is_named_must_exist(home: Path) -> None:
    made(home / "work/config.yaml")
    with pytest.raises(ConfigError) as caught:
        find("nope.yaml", {}, home / "work")
    assert str(caught.value) == "nope.yaml: no such file"
    with pytest.raises(ConfigError) as caught:
        find(None, {"CONTINUUM_CONFIG": "/nope.yaml"}, home / "work")
    assert str(caught.value) == "/nope.yaml: no such file (named by $CONTINUUM_CONFIG)"


def test_a_name_that_cannot_be_is_left_to_the_reader(home: Path) -> None:
    long = "x" * 5000
    assert find(long, {}, home / "work") == home / "work" / long
    assert find(None, {"HOME": f"/{long}"}, home / "work") in {None, *Path("/etc/continuum").glob("config.*")}


def test_looking_costs_no_imports() -> None:
    code = (
        "import sys, continuum.config.files; print(*{'pydantic', 'yaml', 'click', 'trio', 'httpx'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert answer.stdout.strip() == ""
