"""Files and text of any form to a Document."""

from collections.abc import Callable
from pathlib import Path as File

from continuum.config.codec.document import LARGEST_FILE, Document, Parsed, refused
from continuum.config.codec.json_text import read_json
from continuum.config.codec.toml_text import read_toml
from continuum.config.codec.yaml_text import read_yaml
from continuum.config.plain import is_list, is_mapping

__all__ = ["parse", "read"]

_FORMS: dict[str, Callable[[str, str], Parsed]] = {
    "yaml": read_yaml,
    "yml": read_yaml,
    "toml": read_toml,
    "json": read_json,
}


def read(path: File, *, list_of: str = "") -> Document:
    """Read and parse a file; its suffix says the format, YAML where it says nothing. ParseError names file and line.

    list_of: the key whose value a file may also hold bare, as a list.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise refused(file, f"cannot be read: {_REASONS.get(type(error), error.strerror or 'I/O error')}") from None
    if len(content) > LARGEST_FILE:
        raise refused(file, "is larger than 1 MiB")
    return parse(_decoded(content, file), path.suffix.lower().removeprefix("."), file, list_of=list_of)


_REASONS: dict[type[OSError], str] = {
    FileNotFoundError: "no such file",
    IsADirectoryError: "it is a directory",
    PermissionError: "permission denied",
}
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def _decoded(content: bytes, file: str) -> str:
    if content.startswith(_WIDE_MARKS):
        raise refused(file, "is UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refused(file, "is not UTF-8 text", line) from None


def parse(text: str, form: str, file: str = "", *, list_of: str = "") -> Document:
    """Parse text of the form `yaml`, `toml` or `json`. An empty text is an empty mapping."""
    data, lines = _FORMS.get(form, read_yaml)(text, file)
    if list_of and is_list(data):
        data, lines = {list_of: data}, {(list_of, *path): line for path, line in lines.items()}
    if is_mapping(data):
        return Document(dict(data), file, lines)
    if data is None:
        return Document({}, file)
    raise refused(file, f"must hold a mapping of sections at its top, not {_kind(data)}")


def _kind(value: object) -> str:
    return "a list" if is_list(value) else "a single value"
