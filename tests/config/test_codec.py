"""Text to plain data: strict YAML, TOML and JSON, with lines; and back."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from continuum.config.codec import dump, parse, read
from continuum.errors import ParseError


def faults(text: str, form: str = "yaml") -> list[str]:
    with pytest.raises(ParseError) as caught:
        parse(text, form, f"c.{form}")
    return str(caught.value).split("\n")


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = """
    strings: [on, no, yes, off, y, 12:30, 2024-01-31, 1_000, 0b1, "1", 'true', "", 1.2.3, 0777x, =]
    numbers: [1, -2, +3, 0o17, 0x1F, 0660, 1.5, .5, 1e3, 6.]
    words: [true, True, FALSE, null, ~, Null, ]
    empty:
    block: |
      12
    <<: plain
    """
    data = parse(text, "yaml").data
    assert data["strings"] == [
        *("on", "no", "yes", "off", "y", "12:30", "2024-01-31", "1_000", "0b1", "1", "true", "", "1.2.3", "0777x", "="),
    ]
    assert data["numbers"] == [1, -2, 3, 15, 31, 660, 1.5, 0.5, 1000.0, 6.0]
    assert data["words"] == [True, True, False, None, None, None]
    assert data["empty"] is None
    assert data["block"] == "12\n"
    assert data["<<"] == "plain"


def test_keys_are_always_text() -> None:
    assert parse("on: 1\n4: 2\nnull: 3\n1.5: 4", "yaml").data == {"on": 1, "4": 2, "null": 3, "1.5": 4}


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_every_key_and_item_knows_its_line(form: str) -> None:
    text = (
        '{\n"server": {\n  "workers": 1},\n"backends": [\n'
        '  {"name": "a",\n   "models": ["x",\n "y"]},\n\n {"name": "b"}\n]}'
    )
    document = parse(text, form)
    assert document.line(("server",)) == 2
    assert document.line(("server", "workers")) == 3
    assert document.line(("backends", 0)) == 5
    assert document.line(("backends", 0, "models", 1)) == 7
    assert document.line(("backends", 1, "name")) == 9
    assert document.line(("backends", 1, "url")) == 9
    assert document.line(("nothing",)) is None


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("a: &x 1", 1, "a: YAML anchors are not taken"),
        ("a: &x [1]\nb: *x", 2, "b: YAML aliases are not taken"),
        ("a: !!python/object/apply:os.system [x]", 1, "a: YAML tags are not taken"),
        ("a: !!str 1", 1, "a: YAML tags are not taken"),
        ("a:\n  b: ! x", 2, "a.b: YAML tags are not taken"),
        ("a: 1\n---\nb: 2", 2, "holds more than one document"),
        ("a: 1\nb: 2\n\na: 3", 4, "a: is given twice, first on line 1"),
        ("x:\n  - a: 1\n    a: 2", 3, "x.0.a: is given twice, first on line 2"),
        ("? [a]\n: 1", 1, "a key must be plain text"),
        ("a: .inf", 1, "a: must be a finite number"),
        ("a: .nan", 1, "a: must be a finite number"),
        ("a: 1e999", 1, "a: must be a finite number"),
        ("[" * 100, 1, "is nested deeper than 60 levels"),
        ("a: [" + "1," * 60_000 + "]", 1, "holds more than 50000 values"),
        ("a: [1, 2\nb: 3", 2, "not valid YAML: "),
        ("a: 'open", 1, "not valid YAML: "),
        ("a:\n\t- b", 2, "not valid YAML: "),
        ("a: 1\nb: \x07", 2, "not valid YAML: "),
        ("a: b: c", 1, "not valid YAML: "),
    ],
)
def test_yaml_that_is_refused(text: str, line: int, rule: str) -> None:
    assert any(f"c.yaml:{line}: {rule}" in fault for fault in faults(text))


def test_refusals_are_told_all_at_once() -> None:
    assert len(faults("a: &x 1\nb: !t 2\nb: *x")) == 4


@pytest.mark.parametrize("text", ["- a", "just text", "3", "[]"])
def test_the_top_must_be_a_mapping(text: str) -> None:
    assert "must hold a mapping of sections at its top" in faults(text)[0]


@pytest.mark.parametrize(
    ("text", "form"), [("", "yaml"), ("# nothing\n", "yaml"), ("---\n", "yaml"), ("", "toml"), (" \n", "json")]
)
def test_empty_text_is_an_empty_mapping(text: str, form: str) -> None:
    assert parse(text, form).data == {}


BOMBS: dict[str, Callable[[], str]] = {
    "billion laughs": lambda: "a0: &a0 [x]\n" + "\n".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]" for i in range(1, 30)),
    "depth": lambda: "a: " + "[" * 500_000,
    "block depth": lambda: "\n".join(" " * i + "a:" for i in range(1400)),
    "merge": lambda: "a: &a {x: 1}\nb: {<<: [*a, *a]}\n" * 1000,
    "one long key": lambda: "k" * 1_000_000 + ": 1",
    "many keys": lambda: "\n".join(f"k{i}: 1" for i in range(80_000)),
    "a long number": lambda: "a: " + "9" * 1_000_000,
    "quotes": lambda: "'" * 1_000_000,
    "braces": lambda: "{" * 1_000_000,
    "question marks": lambda: "? " * 500_000,
    "dashes": lambda: "- " * 500_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly(name: str) -> None:
    text = BOMBS[name]()
    began = time.process_time()
    try:
        parse(text, "yaml", "c.yaml")
    except ParseError as error:
        assert len(str(error)) < 20_000  # noqa: PT017 - some are merely strange, and pass
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "a": 2}', "c.json:2: a: is given twice, first on line 1"),
        ('{"a": {"b": 1, "b": {"c": 1}}}', "c.json:1: a.b: is given twice, first on line 1"),
        ('{"a": NaN}', "c.json: not valid JSON: NaN is not a finite number"),
        ('{"a": -Infinity}', "c.json: not valid JSON: -Infinity is not a finite number"),
        ('{"a": 1e999}', "c.json: a: must be a finite number"),
        ('{"a": 1,\n}', "c.json:2: not valid JSON: "),
        ('{"a": ' + "1" * 6000 + "}", "c.json: Exceeds the limit"),
        ('{"a":' + "[" * 100 + "]" * 100 + "}", "c.json: is nested deeper than 60 levels"),
        ('{"a":' + "[" * 100_000, "c.json: is nested deeper than 60 levels"),
        ("[1]", "c.json: must hold a mapping"),
    ],
)
def test_json_that_is_refused(text: str, message: str) -> None:
    assert faults(text, "json")[0].startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\na = 2", "c.toml:2: not valid TOML: "),
        ("a = 1\nb =", "c.toml:2: not valid TOML: "),
        ("a = inf", "c.toml: a: must be a finite number"),
        ("a = " + "[" * 100 + "]" * 100, "c.toml: is nested deeper than 60 levels"),
        ("a = " + "[" * 100_000, "c.toml: is nested deeper than 60 levels"),
    ],
)
def test_toml_that_is_refused(text: str, message: str) -> None:
    assert faults(text, "toml")[0].startswith(message)


def test_toml() -> None:
    text = 'day = 2024-01-31\nat = 12:30:00\n[server]\nworkers = 2\n[[backends]]\nname = "a"\n'
    document = parse(text, "toml")
    assert document.data == {
        "day": "2024-01-31",
        "at": "12:30:00",
        "server": {"workers": 2},
        "backends": [{"name": "a"}],
    }


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json", ".toml", ".conf", ""])
def test_the_suffix_says_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"c{suffix}"
    path.write_text({".json": '{"a": 1}', ".toml": "a = 1"}.get(suffix, "a: 1"))
    assert read(path).data == {"a": 1}


def refused(path: Path) -> str:
    with pytest.raises(ParseError) as caught:
        read(path)
    return str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    assert refused(path) == f"{path}: cannot be read: no such file"
    assert refused(tmp_path) == f"{tmp_path}: cannot be read: it is a directory"
    assert refused(path / "c.yaml").startswith(f"{path}/c.yaml: cannot be read: ")
    path.write_bytes(b"a: 1\nb: \xff")
    assert refused(path) == f"{path}:2: is not UTF-8 text"
    path.write_text("a: 1", encoding="utf-16")
    assert refused(path) == f"{path}: is UTF-16; save it as UTF-8"
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    assert refused(path) == f"{path}: is larger than 1 MiB"
    assert refused(Path("/dev/zero")) == "/dev/zero: is larger than 1 MiB"


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1")
    assert read(path).data == {"a": 1}


plain_text = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | plain_text
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=4), max_leaves=12
)
valued = st.recursive(  # TOML knows no null
    scalars.filter(lambda value: value is not None),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=4),
    max_leaves=12,
)
mappings = st.dictionaries(plain_text, values, max_size=5)


@given(mappings)
def test_what_is_dumped_reads_back(data: dict[str, object]) -> None:
    assert parse(dump(data), "yaml").data == data


@pytest.mark.parametrize(
    "text", ["on", "no", "1e3", "0o17", "0x1F", "~", "", "12:30", ".inf", "null", "1_000", "2024-01-31", "=", "<<"]
)
def test_text_that_looks_like_something_else_reads_back(text: str) -> None:
    assert parse(dump({"a": text, text: 1}), "yaml").data == {"a": text, text: 1}


@given(mappings, st.booleans())
def test_json_reads_as_json_does_and_each_path_has_a_line(data: dict[str, object], indented: bool) -> None:  # noqa: FBT001
    text = json.dumps(data, indent=1 if indented else None, ensure_ascii=indented)
    document = parse(text, "json")
    assert document.data == data
    for path, line in document.lines.items():
        assert document.holds(path) or path[-1] == 0
        assert 1 <= line <= text.count("\n") + 1


@given(st.dictionaries(plain_text, valued, max_size=5))
def test_toml_reads_as_toml_does(data: dict[str, object]) -> None:
    assert parse(tomli_w.dumps(data), "toml").data == data


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    for form in ("yaml", "toml", "json"):
        try:
            assert isinstance(parse(text, form).data, dict)
        except ParseError as error:
            assert error.problems  # noqa: PT017 - either way is right
