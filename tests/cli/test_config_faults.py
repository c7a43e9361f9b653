# ruff: noqa: E501 - a message is one line
"""The configuration's rules as a user meets them: `continuum config check`, its lines and its exit status.

One row for each rule and error that the contract names; tests/config/test_faults.py has further values of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from child import Child
from command import continuum, invoke
from shaped import read

from continuum.cli.shapes import Checked

METADATA = "must not be a link-local or metadata address"
B = "backends:\n  - name: a\n    url: http://h\n"


class Said(NamedTuple):
    """What is told of FILE (or of the place named instead), a line each."""

    text: str
    lines: tuple[str, ...]
    suffix: str = ".yaml"
    arguments: tuple[str, ...] = ()
    environ: Mapping[str, str] = {}


def row(text: str, *lines: str, **more: Any) -> Said:
    return Said(text, lines, **more)


# fmt: off
ROWS: Mapping[str, Said] = {  # a row a line
    # keys
    "unknown section": row("servers: {}", "FILE:1: servers: unknown key; did you mean 'server'?"),
    "unknown key": row("server:\n  bind_adress: x", "FILE:2: server.bind_adress: unknown key; did you mean 'bind_address'?"),
    "unknown key far from any": row("server: {zzzzzz: 1}", "FILE:1: server.zzzzzz: unknown key"),
    "unknown key in toml": row("[server]\nwrkers = 1", "FILE: server.wrkers: unknown key; did you mean 'workers'?", suffix=".toml"),
    "unknown key in json": row('{"server":\n{"wrkers": 1}}', "FILE:2: server.wrkers: unknown key; did you mean 'workers'?", suffix=".json"),
    # where values come from
    "an option": row("", '--bind: server.bind_address: must have a port from 0 to 65535 (got "h:99999")', arguments=("--bind", "h:99999")),
    "another option": row("", '--log-level: logging.level: must be \'trace\', \'debug\', \'info\', \'warn\' or \'error\' (got "loud")', arguments=("--log-level", "loud")),
    "--set": row("", "--set: server.workers: must be greater than 0 (got 0)", arguments=("--set", "server.workers=0")),
    "--set without a value": row("", "--set: server.workers: must look like SECTION.KEY=VALUE", arguments=("--set", "server.workers")),
    "--set of a list": row("", '--set: backends: must be JSON, such as ["a", "b"]', arguments=("--set", "backends=[x")),
    "the environment": row("", "CONTINUUM_SERVER__WORKERS: server.workers: must be greater than 0 (got 0)", environ={"CONTINUUM_SERVER__WORKERS": "0"}),
    # references
    "an unset variable": row(B + "    api_key: ${NOPE}", "FILE:4: backends.0.api_key: environment variable NOPE is not set"),
    "a malformed reference": row(B + "    api_key: ${NO PE}", "FILE:4: backends.0.api_key: malformed reference: write ${NAME} or ${NAME:-default}, and $${ for a literal ${"),
    "a number from a variable": row("server: {workers: '${MANY}'}", 'FILE:1: server.workers: must be a whole number (got "${MANY}")', environ={"MANY": "many"}),
    "an empty secret": row(B + "    api_key: '${EMPTY}'", "FILE:4: backends.0.api_key: must not be empty (got ***)", environ={"EMPTY": ""}),
    "a masked secret": row(B + "    api_key: sk-***abcd", "FILE:4: backends.0.api_key: is a masked secret, as shown by a view of the configuration; the secret itself is needed (got ***)"),
    "a wholly masked secret": row(B + "    api_keys: ['***']", "FILE:4: backends.0.api_keys.0: is a masked secret, as shown by a view of the configuration; the secret itself is needed (got ***)"),
    # YAML and the others
    "an alias": row("a: *b", "FILE:1: a: YAML aliases are not taken"),
    "an anchor": row("server: &a {}", "FILE:1: server: YAML anchors are not taken"),
    "a tag": row("server: !!map {}", "FILE:1: server: YAML tags are not taken"),
    "depth": row("a: " + "[" * 70 + "]" * 70, "FILE:1: is nested deeper than 60 levels"),
    "depth in json": row('{"a": ' + "[" * 70 + "]" * 70 + "}", "FILE: is nested deeper than 60 levels", suffix=".json"),
    "several documents": row("server: {}\n---\nserver: {}", "FILE:2: holds more than one document"),
    "a duplicate": row("server: {}\nserver: {}", "FILE:2: server: is given twice, first on line 1"),
    "a duplicate in json": row('{"server": {},\n"server": {}}', "FILE:2: server: is given twice, first on line 1", suffix=".json"),
    "a duplicate in toml": row("[server]\n[server]", "FILE:2: not valid TOML: Cannot declare ('server',) twice", suffix=".toml"),
    "no yaml": row("server: [", "FILE:2: not valid YAML: did not find expected node content"),
    "no json": row("{", "FILE:1: not valid JSON: Expecting property name enclosed in double quotes", suffix=".json"),
    "a list": row("- a", "FILE: must hold a mapping of sections at its top, not a list"),
    # values
    "a duration": row("timeouts: {idle: 5 days}", 'FILE:1: timeouts.idle: must be a duration such as "500ms", "30s", "5m" or "1h", or a number of seconds (got "5 days")'),
    "a negative duration": row("timeouts: {idle: -1}", 'FILE:1: timeouts.idle: must be a duration such as "500ms", "30s", "5m" or "1h", or a number of seconds (got -1)'),
    "no duration at all": row("timeouts: {idle: 0s}", 'FILE:1: timeouts.idle: must be longer than 0s (got "0s")'),
    "a size": row("server: {max_request_body: 10 stones}", 'FILE:1: server.max_request_body: must be a size such as "512KiB" or "10MiB", or a number of bytes (got "10 stones")'),
    "a bind without a port": row("server: {bind_address: localhost}", 'FILE:1: server.bind_address: must be host:port, [v6]:port or unix:/path (got "localhost")'),
    "a relative socket": row("server: {bind_address: 'unix:x.sock'}", 'FILE:1: server.bind_address: must be unix: and an absolute path (got "unix:x.sock")'),
    "a bad v6 bind": row("server: {bind_address: '[::zz]:80'}", 'FILE:1: server.bind_address: must hold an IPv6 address between its brackets (got "[::zz]:80")'),
    "a bind twice": row("server: {bind_address: 'h:1,h:1'}", 'FILE:1: server.bind_address: must not name the same address twice (got "h:1,h:1")'),
    "a socket mode": row("server: {socket_mode: 660}", "FILE:1: server.socket_mode: must be a string; put it in quotes (got 660)"),
    "half a certificate": row("server: {tls: {cert_file: c}}", "FILE:1: server.tls.key_file: is required"),
    "a proxy's network": row("server: {trusted_proxies: [10.0.0.0/99]}", 'FILE:1: server.trusted_proxies.0: must be an IP address or network such as 10.0.0.0/8 (got "10.0.0.0/99")'),
    # backends
    "a backend's name": row("backends: [{name: a b, url: http://h}]", 'FILE:1: backends.0.name: must be letters, digits, \'_\' or \'-\' (got "a b")'),
    "a name twice": row(B + "  - {name: a, url: http://i}", 'FILE:4: backends.1.name: must be unique; another backend has this name (got "a")'),
    "a name too long": row("admin: {max_backend_name_length: 3}\nbackends: [{name: four, url: http://h}]", 'FILE:2: backends.0.name: must not be longer than 3 characters (admin.max_backend_name_length) (got "four")'),
    "a type": row(B + "    type: olama", 'FILE:4: backends.0.type: must be one of openai, azure, vllm, ollama, anthropic, gemini, llamacpp, generic; did you mean \'ollama\'? (got "olama")'),
    "no url": row("backends: [{name: a}]", "FILE:1: backends.0.url: is required for a backend of type generic"),
    "userinfo": row("backends: [{name: a, url: 'http://u:hidden@h'}]", 'FILE:1: backends.0.url: must not hold a user name or password; use api_key or headers (got "http://***@h")'),
    "a fragment": row("backends: [{name: a, url: 'http://h#x'}]", 'FILE:1: backends.0.url: must not hold a fragment or a query (got "http://h#x")'),
    "another scheme": row("backends: [{name: a, url: 'ftp://h'}]", 'FILE:1: backends.0.url: must begin with http://, https:// or http+unix:// (got "ftp://h")'),
    "control bytes": row('backends: [{name: a, url: "http://h\\n"}]', 'FILE:1: backends.0.url: must not hold spaces, control characters or backslashes (got "http://h\\n")'),
    "a weight": row(B + "    weight: 101", "FILE:4: backends.0.weight: must be at most 100 (got 101)"),
    "two ways to say the key": row(B + "    api_key: x\n    api_keys: [y]", "FILE:5: backends.0.api_keys: must not stand beside api_key; list every key here"),
    "a framing header": row(B + "    headers: {Host: x}", "FILE:4: backends.0.headers.Host: is a header that the connection itself sets (got ***)"),
    "half a client certificate": row(B + "    tls: {cert_file: x}", "FILE:4: backends.0.tls: must hold both cert_file and key_file, or neither"),
    "a certificate that is not there": row(B + "    tls: {ca_file: none.pem}", "backends.0.tls: cannot be used: No such file or directory"),
    "a proxy": row(B + "    proxy: htp://u:hidden@x", "FILE:4: backends.0.proxy: must be a URL such as http://proxy:3128, https://proxy:3129 or socks5://proxy:1080 (got ***)"),
    "a proxy before a socket": row("backends: [{name: a, url: 'http+unix:///s', proxy: 'http://x:1'}]", "FILE:1: backends.0.proxy: means nothing for a unix socket (got ***)"),
    "a port for nobody": row("backends: [{name: a, url: 'http://h:{port}'}]", 'FILE:1: backends.0.url: must not hold {port}: the backend is not managed (got "http://h:{port}")'),
    "a port in one place": row("backends: [{name: a, url: 'http://h:{port}', managed: {command: [x]}}]", "FILE:1: backends.0.managed: must have {port} both in its command and in url, or in neither"),
    # the other sections
    "panic": row("health_checks: {panic_threshold: 2}", "FILE:1: health_checks.panic_threshold: must be at most 1.0 (got 2)"),
    "a share": row("circuit_breaker: {failure_rate_threshold: 0}", "FILE:1: circuit_breaker.failure_rate_threshold: must be greater than 0.0 (got 0)"),
    "a status": row("circuit_breaker: {failure_status_codes: [99]}", "FILE:1: circuit_breaker.failure_status_codes.0: must be at least 100 (got 99)"),
    "delays": row("retry: {base_delay: 60s}", 'FILE:1: retry.base_delay: must not be longer than max_delay (got "60s")'),
    "two rates": row("rate_limiting: {limits: {per_model: {requests_per_minute: 1, requests_per_second: 1}}}", "FILE:1: rate_limiting.limits.per_model.requests_per_second: must not stand beside requests_per_minute (got 1)"),
    "a scope": row("api_keys: {api_keys: [{key: k, scopes: [wirte]}]}", 'FILE:1: api_keys.api_keys.0.scopes.0: must be \'read\', \'write\', \'files\' or \'admin\' (got "wirte")'),
    "a key twice": row("api_keys: {api_keys: [{key: hidden, id: a}, {key: hidden, id: b}]}", "FILE:1: api_keys.api_keys.1.key: must be unique; another entry has this key (got ***)"),
    "an expiry": row("api_keys: {api_keys: [{key: k, expires_at: soon}]}", 'FILE:1: api_keys.api_keys.0.expires_at: must be a time such as "2027-01-31T12:00:00Z", or a day, which begins at 00:00 UTC (got "soon")'),
    "no key file": row("api_keys: {api_keys_file: none.yaml}", "none.yaml: cannot be read: no such file"),
    "a key file for all": row("api_keys: {api_keys_file: open.yaml}", "api_keys.api_keys_file: open.yaml must be for its owner only: chmod 600"),
    "a prompt file above": row("global_prompts: {default_file: ../x.md}", 'FILE:1: global_prompts.default_file: must not hold \'..\' or a backslash (got "../x.md")'),
    "metrics without a token": row("metrics: {auth: {method: bearer_token}}", "FILE:1: metrics.auth.token: is required for the method bearer_token"),
    "basic without a name": row("admin: {auth: {method: basic, password: hidden}}", "FILE:1: admin.auth.username: is required for the method basic"),
    "a strategy": row("routing: {selection_strategy: RoundRobbin}", 'FILE:1: routing.selection_strategy: must be one of RoundRobin, WeightedRoundRobin, LeastLatency, Random, ConsistentHash, PrefixAwareHash, LeastInFlight; did you mean \'RoundRobin\'? (got "RoundRobbin")'),
    "the short strategy": row("selection_strategy: x", 'FILE:1: routing.selection_strategy: must be one of RoundRobin, WeightedRoundRobin, LeastLatency, Random, ConsistentHash, PrefixAwareHash, LeastInFlight (got "x")'),
    "a rule for nobody": row("routing: {rules: [{match: m, backends: []}]}", "FILE:1: routing.rules.0.backends: must not be empty"),
    "a storage url": row("storage: {url: 'mysql://u:hidden@h'}", "FILE:1: storage.url: must begin with redis://, rediss:// or unix:// (got ***)"),
    "an origin": row("cors: {allow_origins: [app.example.com]}", 'FILE:1: cors.allow_origins.0: must be an origin such as "https://app.example.com" in lower case, or "*" (got "app.example.com")'),
    "a sample": row("tracing: {sample_ratio: 7}", "FILE:1: tracing.sample_ratio: must be at most 1.0 (got 7)"),
    "a loop": row("fallback: {fallback_chains: {a: [b], b: [a]}}", "FILE:1: fallback.fallback_chains.a: must not lead back to itself: a -> b -> a", "FILE:1: fallback.fallback_chains.b: must not lead back to itself: b -> a -> b"),
    "a loop through an alias": row("routing: {aliases: {c: a}}\nfallback: {fallback_chains: {a: [c]}}", "FILE:2: fallback.fallback_chains.a: must not lead back to itself: a -> a"),
}
# fmt: on


async def check(home: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    (home / "open.yaml").write_text("- key: k\n")
    (home / "open.yaml").chmod(0o644)
    (home / f"FILE{said.suffix}").write_text(said.text)
    for name, value in said.environ.items():
        monkeypatch.setenv(name, value)
    result = await invoke(*said.arguments, "config", "check", f"FILE{said.suffix}")
    assert (result.stdout == "") == (result.exit_code != 0)
    assert "hidden" not in result.output
    return result.exit_code, result.stderr.replace(f"FILE{said.suffix}", "FILE").splitlines()


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_is_told_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert await check(home, ROWS[name], monkeypatch) == (2, list(ROWS[name].lines))


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "169.16689662",
        "169.254.169.254.",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "①⑥⑨.254.169.254",
    ],
)
async def test_no_notation_of_a_metadata_address_is_taken(
    home: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    code, (line,) = await check(home, row(f"backends: [{{name: a, url: 'http://{host}/v1'}}]"), monkeypatch)
    assert (code, line.startswith(f"FILE:1: backends.0.url: {METADATA} (got ")) == (2, True)


@pytest.mark.parametrize("bind", ["0.0.0.0:80", "'[::]:80'", "box.example:80", "[127.0.0.1:80, '10.0.0.1:80']"])
async def test_an_open_door_needs_a_lock(home: Path, monkeypatch: pytest.MonkeyPatch, bind: str) -> None:
    text = f"server: {{bind_address: {bind}}}\nadmin: {{auth: {{method: none}}}}"
    told = 'FILE:2: admin.auth.method: must not be none while server.bind_address can be reached from elsewhere (got "none")'
    assert await check(home, row(text), monkeypatch) == (2, [told])


@pytest.mark.parametrize("bind", ["localhost:80", "'unix:/run/x.sock'", "['127.0.0.1:80', '[::1]:80']"])
async def test_a_door_within_the_house_may_stay_open(home: Path, monkeypatch: pytest.MonkeyPatch, bind: str) -> None:
    text = f"server: {{bind_address: {bind}}}\nadmin: {{auth: {{method: none}}}}"
    code, _lines = await check(home, row(text), monkeypatch)
    assert code == 0


async def test_names_that_point_nowhere_are_only_warnings(home: Path) -> None:
    text = "routing: {rules: [{match: m, backends: [gone]}]}\ncircuit_breaker: {backends: {gone: {}}}\n"
    (home / "continuum.yaml").write_text(text + "global_prompts: {backends: {gone: {prompt: x}}}\n")
    result = await invoke("config", "check", "--json")
    checked = read(result.stdout, Checked)
    assert (result.exit_code, checked["ok"], checked["problems"]) == (0, True, [])
    told = {each["key"] for each in checked["warnings"] if each["rule"] == "there is no backend 'gone'"}
    assert told == {"routing.rules.0.backends.0", "circuit_breaker.backends.gone", "global_prompts.backends.gone"}


async def test_faults_for_programs(home: Path) -> None:
    (home / "continuum.yaml").write_text("server:\n  workers: 0\n")
    result = await invoke("config", "check", "--json", "--set", "logging.level=loud")
    checked = read(result.stdout, Checked)
    assert (result.exit_code, checked["ok"], result.stderr) == (2, False, "")
    assert [(each["file"], each["line"], each["key"]) for each in checked["problems"]] == [
        ("continuum.yaml", 2, "server.workers"),
        ("--set", None, "logging.level"),
    ]


@pytest.mark.parametrize(
    ("arguments", "environ", "told"),
    [
        (["-c", "none.yaml"], {}, "none.yaml: no such file"),
        ([], {"CONTINUUM_CONFIG": "none.yaml"}, "none.yaml: no such file (named by $CONTINUUM_CONFIG)"),
        (["-c", "."], {}, ".: cannot be read: it is a directory"),
    ],
)
@pytest.mark.usefixtures("home")
async def test_a_file_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], environ: dict[str, str], told: str
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    result = await invoke(*arguments, "config", "check")
    assert (result.exit_code, result.stderr) == (2, f"{told}\n")


@pytest.mark.parametrize("mode", [["--mode", "http"], ["models"], ["backends", "list"], ["run", "hi"]])
async def test_a_start_tells_every_fault_the_same_way(tmp_path: Path, mode: list[str]) -> None:
    """The real process, with what only a start can see left out: one fault of each kind, in the file's order."""
    names = ("unknown section", "a loop through an alias", "a bind without a port", "a share")
    text = "\n".join(ROWS[name].text for name in names)
    (tmp_path / "FILE").write_text(text)
    done = await continuum(tmp_path, "-c", "FILE", *mode)
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (2, b"", len(names))
    assert all(line.startswith(f"continuum: FILE:{number}: ") for number, line in zip((1, 3, 4, 5), lines, strict=True))


def test_a_log_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "continuum.yaml").write_text("backends: []\nlogging: {file: no/such/folder/log}\n")
    with Child(["-m", "continuum", "--mode", "http"], home=tmp_path) as child:
        assert child.wait(30) == 2
    assert child.stderr == "continuum: logging.file: cannot be written: No such file or directory"
