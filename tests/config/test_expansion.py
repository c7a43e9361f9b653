"""`${VAR}` in a configuration file."""

from pathlib import Path

import pytest

from continuum.config import Config, from_mapping, load
from continuum.errors import ConfigError

BACKEND = "backends:\n  - name: a\n    url: http://h\n"


def loaded(tmp_path: Path, text: str, **environ: str) -> Config:
    path = tmp_path / "continuum.yaml"
    path.write_text(text)
    return load(path, environ=environ)


def faults(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text, **environ)
    return str(caught.value).replace(str(tmp_path), "")


def test_variables_in_strings(tmp_path: Path) -> None:
    text = "backends: [{name: a, url: 'https://${HOST}:${PORT:-8000}/v1', api_key: '${KEY}'}]"
    backend = loaded(tmp_path, text, HOST="models.example", KEY="sk-1").backends[0]
    assert backend.url == "https://models.example:8000/v1"
    assert [key.reveal() for key in backend.keys] == ["sk-1"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${A}", "1"),
        ("${A:-x}", "1"),
        ("${NONE:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${NONE:-http://h/a b}", "http://h/a b"),
        ("a${A}b${A}", "a1b1"),
        ("$A", "$A"),
        ("$$A$", "$$A$"),
        ("$${A}", "${A}"),
        ("cost: $5 {x}", "cost: $5 {x}"),
        ("${NESTED}", "${A}"),
    ],
)
def test_what_a_string_becomes(tmp_path: Path, written: str, meant: str) -> None:
    config = loaded(tmp_path, f"routing: {{default_model: '{written}'}}", A="1", EMPTY="", NESTED="${A}")
    assert config.routing.default_model == meant


def test_numbers_and_booleans_may_come_from_variables(tmp_path: Path) -> None:
    text = "server: {workers: '${N}'}\nlogging: {access: '${B}'}\ntimeouts: {idle: '${T}', connection: '${U}'}\n"
    text += "routing: {prefix: {max_load_factor: '${F}'}, default_model: '${N}'}\n"
    text += "backends: [{name: a, url: http://h, api_key: '${N}'}]"
    config = loaded(tmp_path, text, N="3", B="false", T="90", U="500ms", F="1.5")
    assert config.server.workers == 3
    assert config.logging.access is False
    assert (config.timeouts.idle, config.timeouts.connection) == (90, 0.5)
    assert config.routing.prefix.max_load_factor == 1.5
    assert config.routing.default_model == "3"
    assert config.backends[0].keys[0].reveal() == "3"


def test_an_unset_variable_is_named_with_its_key(tmp_path: Path) -> None:
    text = BACKEND + "    api_key: ${KEY}\n    org_id: x${A}y${B}\n"
    assert faults(tmp_path, text, OTHER="secret-value").splitlines() == [
        "/continuum.yaml:4: backends.0.api_key: environment variable KEY is not set",
        "/continuum.yaml:5: backends.0.org_id: environment variable A is not set",
        "/continuum.yaml:5: backends.0.org_id: environment variable B is not set",
    ]


def test_an_unset_variable_is_one_fault_and_hides_no_other(tmp_path: Path) -> None:
    text = "server:\n  workers: ${N}\n  wrkers: 1\nbackends:\n  - name: ${X}\n    url: ${URL}\n  - name: ${X}\n    url: http://h\n"
    assert [line.partition(": ")[2] for line in faults(tmp_path, text).splitlines()] == [
        "server.workers: environment variable N is not set",
        "server.wrkers: unknown key; did you mean 'workers'?",
        "backends.0.name: environment variable X is not set",
        "backends.0.url: environment variable URL is not set",
        "backends.1.name: environment variable X is not set",
    ]


@pytest.mark.parametrize("reference", ["${}", "${1A}", "${A", "${A:x}", "${A-B}", "a${"])
def test_a_malformed_reference(tmp_path: Path, reference: str) -> None:
    assert "routing.default_model: malformed reference: write ${NAME}" in faults(
        tmp_path, f"routing: {{default_model: '{reference}'}}", A="1"
    )


@pytest.mark.parametrize("value", ["two\nlines", "", "hidden-value "])
def test_a_bad_value_of_a_variable_is_not_shown(tmp_path: Path, value: str) -> None:
    text = "backends:\n  - name: ${V}\n    url: http://${V}\n    api_key: ${V}\n    weight: ${V}"
    told = faults(tmp_path, text, V=value)
    assert "hidden" not in told
    assert "lines" not in told.replace("line breaks", "").replace("must not hold line", "")
    assert 'backends.0.weight: must be a whole number (got "${V}")' in told
    assert "backends.0.api_key: must not" in told


def test_text_from_elsewhere_is_never_expanded() -> None:
    config = from_mapping({"routing": {"default_model": "${HOME}"}}, overlay={"logging": {"file": "${HOME}"}})
    assert (config.routing.default_model, config.logging.file) == ("${HOME}", "${HOME}")


def test_keys_are_not_expanded(tmp_path: Path) -> None:
    assert loaded(tmp_path, "routing: {aliases: {'${A}': m}}", A="1").routing.aliases == {"${A}": "m"}
