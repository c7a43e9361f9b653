"""What the environment and the command line lay over the file."""

from pathlib import Path

import pytest

from continuum.config import from_mapping, load, overlay
from continuum.errors import ConfigError

FILE = """
server: {workers: 2, bind_address: "127.0.0.1:1"}
backends:
  - {name: a, url: "http://a"}
  - {name: b, url: "http://b"}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "continuum.yaml"
    file.write_text(FILE)
    return file


def test_precedence(path: Path) -> None:
    environ = {"CONTINUUM_SERVER__WORKERS": "3", "CONTINUUM_SERVER__BIND_ADDRESS": "127.0.0.1:2"}
    laid = overlay.merge(
        overlay.from_environ(environ),
        overlay.from_sets(["server.workers=4", "server.workers=5"]),
        {"logging": {"level": "debug"}},
    )
    config = load(path, environ={}, overlay=laid)
    assert config.server.workers == 5
    assert config.server.bind_address == "127.0.0.1:2"
    assert config.logging.level == "debug"
    assert config.server.max_connections == 4096
    assert [backend.name for backend in config.backends] == ["a", "b"]


def test_variables_that_are_not_ours_are_left_alone() -> None:
    environ = {
        "CONTINUUM_CONFIG": "/etc/x.yaml",
        "CONTINUUM_SERVER": "x",
        "CONTINUUM_SERVER_SERVICE_HOST": "10.0.0.1",
        "CONTINUUM_NOTHING__KEY": "x",
        "SERVER__WORKERS": "3",
        "HOME": "/root",
    }
    assert overlay.from_environ(environ) == {}


def test_values_are_read_as_their_keys_want_them() -> None:
    made = overlay.from_environ(
        {
            "CONTINUUM_SERVER__WORKERS": "3",
            "CONTINUUM_SERVER__SOCKET_MODE": "0660",
            "CONTINUUM_SERVER__BIND_ADDRESS": "[::1]:8080",
            "CONTINUUM_SERVER__ALLOWED_HOSTS": '["a", "b"]',
            "CONTINUUM_LOGGING__ACCESS": "false",
            "CONTINUUM_TIMEOUTS__IDLE": "90s",
            "CONTINUUM_TIMEOUTS__REQUEST__STREAMING__TOTAL": "5m",
            "CONTINUUM_ROUTING__DEFAULT_MODEL": "4",
            "CONTINUUM_ROUTING__ALIASES": '{"4": "gpt-4"}',
        }
    )
    assert made["server"] == {
        "workers": 3,
        "socket_mode": "0660",
        "bind_address": "[::1]:8080",
        "allowed_hosts": ["a", "b"],
    }
    config = from_mapping({}, overlay=made)
    assert config.logging.access is False
    assert config.timeouts.request.streaming.total == 300
    assert config.routing.default_model == "4"
    assert config.routing.aliases == {"4": "gpt-4"}


def test_items_of_lists(path: Path) -> None:
    laid = overlay.merge(
        overlay.from_environ({"CONTINUUM_BACKENDS__1__API_KEY": "12345"}),
        overlay.from_sets(["backends.0.weight=7", "backends.2.name=c", "backends.2.url=http://c"]),
    )
    config = load(path, environ={}, overlay=laid)
    assert [(each.name, each.weight, len(each.keys)) for each in config.backends] == [
        ("a", 7, 0),
        ("b", 1, 1),
        ("c", 1, 0),
    ]
    assert (
        from_mapping({}, overlay=overlay.from_sets(["backends.0.name=x", "backends.0.url=http://x"])).backends[0].name
        == "x"
    )


def test_a_whole_list_replaces_the_files(path: Path) -> None:
    laid = overlay.from_sets(['backends=[{"name": "z", "url": "http://z"}]'])
    assert [backend.name for backend in load(path, environ={}, overlay=laid).backends] == ["z"]


def test_an_option_with_a_name_of_its_own(path: Path) -> None:
    laid = overlay.option("--bind", "server.bind_address", "nowhere")
    with pytest.raises(ConfigError) as caught:
        load(path, environ={}, overlay=laid)
    assert (
        str(caught.value) == '--bind: server.bind_address: must be host:port, [v6]:port or unix:/path (got "nowhere")'
    )


def test_faults_name_the_variable_or_option(path: Path) -> None:
    laid = overlay.merge(
        overlay.from_environ({"CONTINUUM_SERVER__WORKERS": "many", "CONTINUUM_SERVER__TLS__CERT_FILE": "x.pem"}),
        overlay.from_sets(["servr.workers=1", "backends.0.api_key=sk-hid den\t", "backends.7.weight=1"]),
        {"logging": {"level": "loud"}},
    )
    path.write_text(FILE.replace("workers: 2", "workers: 2, max_connections: x"))
    with pytest.raises(ConfigError) as caught:
        load(path, environ={}, overlay=laid)
    told = str(caught.value)
    assert "hid" not in told
    assert sorted(told.replace(str(path), "FILE").splitlines()) == [
        "--set: backends: must be a list (got a mapping)",
        "--set: servr: unknown key; did you mean 'server'?",
        "CONTINUUM_SERVER__TLS__CERT_FILE: server.tls.key_file: is required",
        'CONTINUUM_SERVER__WORKERS: server.workers: must be a whole number (got "many")',
        'FILE:2: server.max_connections: must be a whole number (got "x")',
        "command line: logging.level: must be 'trace', 'debug', 'info', 'warn' or 'error' (got \"loud\")",
    ]


def test_the_short_root_key_on_the_command_line() -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping({}, overlay=overlay.from_sets(["selection_strategy=Nope"]))
    assert str(caught.value).startswith("--set: routing.selection_strategy: must be one of")


@pytest.mark.parametrize("setting", ["server.workers", "=1", "server.=1", ".workers=1", ""])
def test_a_setting_that_is_none(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"must look like SECTION\.KEY=VALUE"):
        overlay.from_sets([setting])


def test_what_should_be_json() -> None:
    with pytest.raises(ConfigError) as caught:
        overlay.from_environ({"CONTINUUM_SERVER__ALLOWED_HOSTS": "a,b", "CONTINUUM_ACP__TOOLS": "x"})
    assert str(caught.value).splitlines() == [
        'CONTINUUM_ACP__TOOLS: acp.tools: must be JSON, such as ["a", "b"]',
        'CONTINUUM_SERVER__ALLOWED_HOSTS: server.allowed_hosts: must be JSON, such as ["a", "b"]',
    ]
