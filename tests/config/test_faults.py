# ruff: noqa: E501 - a message is one line
"""Every message a user can meet: file, line, key, rule, value; all at once; never a secret."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from continuum.config import from_mapping, load
from continuum.errors import ConfigError

BACKEND = "backends:\n  - name: a\n    url: http://h\n"


def told(tmp_path: Path, text: str, suffix: str = ".yaml", environ: Mapping[str, str] | None = None) -> list[str]:
    path = tmp_path / f"continuum{suffix}"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, environ=environ or {})
    assert [str(problem) for problem in caught.value.problems] == str(caught.value).split("\n")
    return [line.replace(str(path), "FILE") for line in str(caught.value).split("\n")]


CASES = {
    "server:\n  bind_adress: x": "FILE:2: server.bind_adress: unknown key; did you mean 'bind_address'?",
    "servers: {}": "FILE:1: servers: unknown key; did you mean 'server'?",
    "qqqq: 1": "FILE:1: qqqq: unknown key",
    "server:\n  bind_address: h:99999": 'FILE:2: server.bind_address: must have a port from 0 to 65535 (got "h:99999")',
    "server:\n  bind_address: 8080": "FILE:2: server.bind_address: must be host:port, [v6]:port or unix:/path; "
    "several as a list or separated by commas (got 8080)",
    "server:\n  workers: 0": "FILE:2: server.workers: must be greater than 0 (got 0)",
    "server:\n  workers: true": "FILE:2: server.workers: must be a whole number (got true)",
    "server:\n  workers: '2'": 'FILE:2: server.workers: must be a whole number (got "2")',
    "server:\n  workers: 2.0": "FILE:2: server.workers: must be a whole number (got 2.0)",
    "server:\n  workers:": "FILE:2: server.workers: must be a whole number (got null)",
    "server:\n  socket_mode: 0660": "FILE:2: server.socket_mode: must be a string; put it in quotes (got 660)",
    "server:\n  socket_mode: rw": 'FILE:2: server.socket_mode: must be an octal mode in quotes, such as "0660" (got "rw")',
    "server:\n  tls: {cert_file: x}": "FILE:2: server.tls.key_file: is required",
    "server:\n  max_request_body: lots": 'FILE:2: server.max_request_body: must be a size such as "512KiB" or "10MiB", '
    'or a number of bytes (got "lots")',
    "server:\n  header_timeout: 0s": 'FILE:2: server.header_timeout: must be longer than 0s (got "0s")',
    "server:\n  trusted_proxies: [10.0.0.0/8, x]": "FILE:2: server.trusted_proxies.1: must be an IP address or network "
    'such as 10.0.0.0/8 (got "x")',
    "server: 3": "FILE:1: server: must be a mapping (got 3)",
    "server: []": "FILE:1: server: must be a mapping (got a list)",
    "backends: {a: 1}": "FILE:1: backends: must be a list (got a mapping)",
    "backends: [a]": 'FILE:1: backends.0: must be a mapping (got "a")',
    "backends:\n  - url: http://h": "FILE:2: backends.0.name: is required",
    "backends:\n  - name: a": "FILE:2: backends.0.url: is required for a backend of type generic",
    "backends:\n  - name: a b\n    url: http://h": "FILE:2: backends.0.name: must be letters, digits, '_' or '-' "
    '(got "a b")',
    BACKEND
    + "  - name: a\n    url: http://i": "FILE:4: backends.1.name: must be unique; another backend has this name "
    '(got "a")',
    BACKEND + "    type: llama": "FILE:4: backends.0.type: must be one of openai, azure, vllm, ollama, anthropic, "
    "gemini, llamacpp, generic; did you mean 'ollama'? (got \"llama\")",
    BACKEND + "    weight: 101": "FILE:4: backends.0.weight: must be at most 100 (got 101)",
    BACKEND + "    weight: true": "FILE:4: backends.0.weight: must be a whole number (got true)",
    BACKEND + "    api_key: a\n    api_keys: [b]": "FILE:5: backends.0.api_keys: must not stand beside api_key; "
    "list every key here",
    BACKEND + "    api_key: 12345": "FILE:4: backends.0.api_key: must be a string; put it in quotes (got ***)",
    BACKEND + "    api_key: sk-***abcd": "FILE:4: backends.0.api_key: is a masked secret, as shown by a view of the "
    "configuration; the secret itself is needed (got ***)",
    BACKEND
    + "    api_keys: [ok, schlüssel]": "FILE:4: backends.0.api_keys.1: must be plain ASCII: it is sent in a header "
    "(got ***)",
    BACKEND + "    headers: {'bad name': x}": "FILE:4: backends.0.headers.bad name: is not a header name (got ***)",
    BACKEND + "    headers: {Content-Length: x}": "FILE:4: backends.0.headers.Content-Length: is a header that the "
    "connection itself sets (got ***)",
    BACKEND + "    models: [m, {upstream: x}]": "FILE:4: backends.0.models.1.id: is required",
    BACKEND
    + "    models: [m, 3]": "FILE:4: backends.0.models.1: must be a model id, or a mapping with id and upstream (got 3)",
    BACKEND + "    models: ['']": 'FILE:4: backends.0.models.0: must not be empty (got "")',
    BACKEND + "    health_check: {pth: /}": "FILE:4: backends.0.health_check.pth: unknown key; did you mean 'path'?",
    BACKEND
    + "    tls: {cert_file: c.pem}": "FILE:4: backends.0.tls: must hold both cert_file and key_file, or neither",
    BACKEND + "    managed: {command: []}": "FILE:4: backends.0.managed.command: must not be empty",
    BACKEND
    + "    managed: {command: [x, '{port}']}": "FILE:4: backends.0.managed: must have {port} both in its command "
    "and in url, or in neither",
    BACKEND
    + "    managed: {command: [x], ready_path: health}": "FILE:4: backends.0.managed.ready_path: must begin with / "
    '(got "health")',
    "backends:\n  - name: a\n    url: http://h:{port}": "FILE:3: backends.0.url: must not hold {port}: the backend is not "
    'managed (got "http://h:{port}")',
    "logging:\n  level: loud": "FILE:2: logging.level: must be 'trace', 'debug', 'info', 'warn' or 'error' (got \"loud\")",
    "timeouts:\n  request:\n    streaming: {total: soon}": "FILE:3: timeouts.request.streaming.total: must be a duration "
    'such as "500ms", "30s", "5m" or "1h", or a number of seconds (got "soon")',
    "timeouts:\n  model_overrides:\n    'gpt-*':\n      standart: {}": "FILE:4: timeouts.model_overrides.gpt-*.standart: "
    "unknown key; did you mean 'standard'?",
    "selection_strategy: roundrobin": "FILE:1: routing.selection_strategy: must be one of RoundRobin, WeightedRoundRobin, LeastLatency, Random, ConsistentHash, PrefixAwareHash, LeastInFlight; "
    "did you mean 'RoundRobin'? (got \"roundrobin\")",
    "routing:\n  selection_strategy: No": 'FILE:2: routing.selection_strategy: must be one of RoundRobin, WeightedRoundRobin, LeastLatency, Random, ConsistentHash, PrefixAwareHash, LeastInFlight (got "No")',
    "routing:\n  rules: [{match: m, backends: []}]": "FILE:2: routing.rules.0.backends: must not be empty",
    "routing:\n  prefix: {max_load_factor: 0.5}": "FILE:2: routing.prefix.max_load_factor: must be at least 1.0 (got 0.5)",
    "rate_limiting: {storage: disk}": "FILE:1: rate_limiting.storage: must be 'memory' or 'redis' (got \"disk\")",
    "rate_limiting:\n  limits: {global: {max_in_flight: 0}}": "FILE:2: rate_limiting.limits.global.max_in_flight: "
    "must be greater than 0 (got 0)",
    "rate_limiting:\n  limits: {globl: {}}": "FILE:2: rate_limiting.limits.globl: unknown key; did you mean 'global'?",
    "rate_limiting:\n  limits: {per_model: {requests_per_minute: 5, requests_per_second: 1}}": "FILE:2: "
    "rate_limiting.limits.per_model.requests_per_second: must not stand beside requests_per_minute (got 1)",
    "rate_limiting:\n  requests_per_minute: 5\n  limits: {per_client: {requests_per_second: 0.5}}": "FILE:3: "
    "rate_limiting.limits.per_client.requests_per_second: must not stand beside the section's requests_per_minute "
    "(got 0.5)",
    "rate_limiting:\n  limits: {per_model: {burst_capacity: 5}}": "FILE:2: "
    "rate_limiting.limits.per_model.burst_capacity: means nothing without requests_per_minute or requests_per_second "
    "(got 5)",
    "rate_limiting:\n  limits: {per_model: {requests_per_second: 0}}": "FILE:2: "
    "rate_limiting.limits.per_model.requests_per_second: must be greater than 0.0 (got 0)",
    "rate_limiting:\n  whitelist: [here]": "FILE:2: rate_limiting.whitelist.0: must be an IP address or network such as "
    '10.0.0.0/8 (got "here")',
    "circuit_breaker: {failure_rate_threshold: 1.5}": "FILE:1: circuit_breaker.failure_rate_threshold: must be at most "
    "1.0 (got 1.5)",
    "circuit_breaker: {timeout_seconds: 0}": "FILE:1: circuit_breaker.timeout_seconds: must be longer than 0s (got 0)",
    "circuit_breaker: {failure_status_codes: [600]}": "FILE:1: circuit_breaker.failure_status_codes.0: must be at most "
    "599 (got 600)",
    "circuit_breaker:\n  backends: {a: {treshold: 1}}": "FILE:2: circuit_breaker.backends.a.treshold: unknown key; "
    "did you mean 'failure_threshold'?",
    "retry: {max_attempts: 0}": "FILE:1: retry.max_attempts: must be greater than 0 (got 0)",
    "retry: {budget_ratio: -0.1}": "FILE:1: retry.budget_ratio: must be at least 0.0 (got -0.1)",
    "retry: {base_delay: 1m}": 'FILE:1: retry.base_delay: must not be longer than max_delay (got "1m")',
    "retry: {base_delay: soon}": 'FILE:1: retry.base_delay: must be a duration such as "500ms", "30s", "5m" or "1h", or a '
    'number of seconds (got "soon")',
    "health_checks: {endpoint: health}": 'FILE:1: health_checks.endpoint: must begin with / (got "health")',
    "health_checks: {endpoint: '/a b'}": "FILE:1: health_checks.endpoint: must not hold spaces or control characters "
    '(got "/a b")',
    "health_checks: {panic_threshold: 2}": "FILE:1: health_checks.panic_threshold: must be at most 1.0 (got 2)",
    "global_prompts: {default_file: /etc/motd.txt}": "FILE:1: global_prompts.default_file: must be relative: prompts are "
    'sought in prompts_dir, then beside the configuration (got "/etc/motd.txt")',
    "global_prompts: {default_file: a/../../b.md}": "FILE:1: global_prompts.default_file: must not hold '..' or a "
    'backslash (got "a/../../b.md")',
    "global_prompts:\n  models: {m: {prompt_file: continuum.yaml}}": "FILE:2: global_prompts.models.m.prompt_file: must "
    'name a file that ends in .md or .txt (got "continuum.yaml")',
    "global_prompts: {merge_strategy: mix}": "FILE:1: global_prompts.merge_strategy: must be 'prepend', 'append' or "
    "'replace' (got \"mix\")",
    "fallback:\n  fallback_chains: {a: []}": "FILE:2: fallback.fallback_chains.a: must not be empty",
    "fallback:\n  fallback_chains: {a: [b, a]}": "FILE:2: fallback.fallback_chains.a: must not lead back to itself: "
    "a -> a",
    "routing: {aliases: {best: a}}\nfallback:\n  fallback_chains: {a: [best]}": "FILE:3: fallback.fallback_chains.a: "
    "must not lead back to itself: a -> a",
    "fallback: {fallback_policy: {trigger_conditions: {error_codes: [42]}}}": "FILE:1: "
    "fallback.fallback_policy.trigger_conditions.error_codes.0: must be at least 100 (got 42)",
    "files: {retention_days: 0}": "FILE:1: files.retention_days: must be greater than 0 (got 0)",
    "metrics: {auth: {method: bearer_token}}": "FILE:1: metrics.auth.token: is required for the method bearer_token",
    "metrics: {otlp: {}}": "FILE:1: metrics.otlp.endpoint: is required",
    "admin: {auth: {method: basic, username: 'a:b'}}": "FILE:1: admin.auth.username: must not hold ':' (got \"a:b\")\n"
    "FILE:1: admin.auth.password: is required for the method basic",
    "server: {bind_address: '0.0.0.0:80'}\nadmin: {auth: {method: none}}": "FILE:2: admin.auth.method: must not be none "
    'while server.bind_address can be reached from elsewhere (got "none")',
    "admin: {max_backend_name_length: 3}\nbackends: [{name: four, url: http://h}]": "FILE:2: backends.0.name: must not be "
    'longer than 3 characters (admin.max_backend_name_length) (got "four")',
    "admin: {rate_limit: {burst: 3}}": "FILE:1: admin.rate_limit.requests_per_minute: is required",
    "storage: {url: mysql://u:hidden@h}": "FILE:1: storage.url: must begin with redis://, rediss:// or unix:// (got ***)",
    "cache: {responses: {max_entries: 0}}": "FILE:1: cache.responses.max_entries: must be greater than 0 (got 0)",
    "tracing: {sample_ratio: 7}": "FILE:1: tracing.sample_ratio: must be at most 1.0 (got 7)",
    "webui: {path_prefix: ui}": 'FILE:1: webui.path_prefix: must begin with / (got "ui")',
    "hot_reload: {enabled: 1}": "FILE:1: hot_reload.enabled: must be true or false (got 1)",
    "model_metadata_file: 3": "FILE:1: model_metadata_file: must be a string; put it in quotes (got 3)",
    "routing:\n  aliases: {a: 3}": "FILE:2: routing.aliases.a: must be a string; put it in quotes (got 3)",
    "acp:\n  permissions: {auto_allow: [raed]}": "FILE:2: acp.permissions.auto_allow.0: must be 'read', 'edit', 'delete', "
    "'move', 'search', 'execute', 'think', 'fetch' or 'other' (got \"raed\")",
    "acp:\n  mcp_servers: [{name: x}]": "FILE:2: acp.mcp_servers.0.command: is required for a server of type stdio",
    "acp:\n  mcp_servers: [{name: x, type: http, url: u, command: c}]": "FILE:2: acp.mcp_servers.0.command: means nothing "
    'for a server of type http (got "c")',
}


@pytest.mark.parametrize("text", CASES)
def test_one_fault_is_one_line(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, text) == CASES[text].split("\n")


def test_every_fault_at_once_in_the_files_order(tmp_path: Path) -> None:
    text = """\
timeouts: {idle: soon}
server:
  wrkers: 2
  bind_address: nowhere
backends:
  - name: a
    weight: 0
    api_key: ${KEY}
  - name: a
    url: http://169.254.169.254
logging: {level: loud, colour: red}
"""
    assert [line.split(": ")[:2] for line in told(tmp_path, text)] == [
        ["FILE:1", "timeouts.idle"],
        ["FILE:3", "server.wrkers"],
        ["FILE:4", "server.bind_address"],
        ["FILE:6", "backends.0.url"],
        ["FILE:7", "backends.0.weight"],
        ["FILE:8", "backends.0.api_key"],
        ["FILE:9", "backends.1.name"],
        ["FILE:10", "backends.1.url"],
        ["FILE:11", "logging.level"],
        ["FILE:11", "logging.colour"],
    ]


def test_other_formats_name_the_key_too(tmp_path: Path) -> None:
    assert told(tmp_path, "[server]\nworkers = 0", ".toml") == ["FILE: server.workers: must be greater than 0 (got 0)"]
    assert told(tmp_path, '{"server":\n {"workers": 0}}', ".json") == [
        "FILE:2: server.workers: must be greater than 0 (got 0)"
    ]


def test_without_a_file() -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping({"server": {"workers": 0}})
    assert str(caught.value) == "server.workers: must be greater than 0 (got 0)"
    assert caught.value.code == "VALIDATION_ERROR"


def test_long_values_are_cut_and_control_characters_shown(tmp_path: Path) -> None:
    (line,) = told(tmp_path, f"logging: {{level: {'x' * 500}}}")
    assert len(line) < 160
    (line,) = told(tmp_path, 'logging: {file: "a\\nb\\e[31m\\u202e"}')
    assert line == r'FILE:1: logging.file: must not hold line breaks or control characters (got "a\nb\u001b[31m\u202e")'


def test_a_flood_of_faults_is_cut(tmp_path: Path) -> None:
    lines = told(tmp_path, "\n".join(f"k{number}: 1" for number in range(5000)))
    assert len(lines) == 101
    assert lines[-1] == "FILE: and 4900 more faults"


HIDDEN = "hidden-1234"
SECRETS = {
    "a secret of the wrong kind": "    api_key: [hidden-1234]",
    "a secret out of its rule": '    api_key: "hidden-1234\\n"',
    "a secret among others": "    api_keys: [ok, 'hidden-1234 ', hidden-1234, 5]",
    "a secret header": "    headers: {X: 'hidden-1234\\t', 'Y Y': hidden-1234}",
    "a mistyped key": "    api_kye: hidden-1234",
    "a proxy": "    proxy: ' http://u:hidden-1234@h'",
    "a misplaced mapping": "    api_key: {value: hidden-1234}",
    "a user in a URL": "    tls: {ca_file: ''}\n  - name: b\n    url: http://u:hidden-1234@h",
    "a user in another URL": "  - name: b\n    url: ht!tp://u:hidden-1234@@h",
    "a backend that is no list item": "\nacp: {mcp_servers: [{name: x, env: {A: 'hidden-1234 '}}]}",
}


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_in_a_message(tmp_path: Path, name: str) -> None:
    lines = told(tmp_path, BACKEND + SECRETS[name])
    assert HIDDEN not in "\n".join(lines)
    assert "hidden" not in "\n".join(lines)


def test_the_error_holds_no_secret_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(BACKEND + f"    weight: 0\n    api_key: {HIDDEN}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    error = caught.value
    assert HIDDEN not in f"{error!r}{error.problems!r}{error.details!r}"
    assert error.__cause__ is None
    assert error.__context__ is None
