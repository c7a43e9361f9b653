"""The fields of a head or of a trailer, as bytes. Sans-I/O."""

from __future__ import annotations

import re

from continuum.errors import InvalidRequest

__all__ = ["Fields", "read_fields"]

Fields = list[tuple[bytes, bytes]]
"""Names in lower case, and values, in the order in which they came."""

_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")


def read_fields(block: bytes) -> Fields:
    """The fields of some lines. Raises InvalidRequest for a line that is none: folded, with a bad name, with a space
    before the colon, with control bytes, with an end other than CRLF.
    """
    fields: Fields = []
    for line in block.split(b"\r\n"):
        match = _FIELD.fullmatch(line)
        if match is None:
            raise InvalidRequest("a line of the request's head is not NAME: VALUE")
        name, value = match.groups()
        fields.append((name.lower(), value.rstrip(b" \t")))
    return fields
