"""TOML, read and written."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

from continuum.config.codec.document import DEEPEST, Parsed, one_line, plain_values, refused

__all__ = ["dump_toml", "read_toml"]


def read_toml(text: str, file: str) -> Parsed:
    """Without lines. Raises ParseError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        rule, _, place = str(error).partition(" (at ")
        found = re.match(r"line ([0-9]+), column ([0-9]+)", place)
        line = int(found[1]) if found else text.count("\n") + 1
        column = int(found[2]) if found else len(text.rpartition("\n")[2]) + 1
        raise refused(file, f"not valid TOML: {one_line(rule)}", line, column=column) from None
    except RecursionError:
        raise refused(file, f"is nested deeper than {DEEPEST} levels") from None
    return plain_values(data, file), {}


def dump_toml(data: Mapping[str, Any]) -> str:
    """Plain data as TOML."""
    return tomli_w.dumps(data)
