"""The ways servers frame their events, legal and odd, as functions from one event's data to bytes."""

import json
from contextlib import suppress


def crlf(data: str) -> bytes:
    """Lines end in CRLF."""
    return f"data: {data}\r\n\r\n".encode()


def lone_cr(data: str) -> bytes:
    """Lines end in a bare CR."""
    return f"data: {data}\r\r".encode()


def commented(data: str) -> bytes:
    """Comments before and inside the event, and a comment of its own after it."""
    return f": before\n: inside\ndata: {data}\n\n: keep-alive\n\n".encode()


def tight(data: str) -> bytes:
    """No space after the colon."""
    return f"data:{data}\n\n".encode()


def other_fields(data: str) -> bytes:
    """With id, event and retry fields, and one nobody knows."""
    return f"id: 7\nevent: message\nretry: 3000\nvendor: x\ndata: {data}\n\n".encode()


def several_lines(data: str) -> bytes:
    """The JSON spread over several data lines."""
    with suppress(ValueError):  # [DONE] stays one line
        data = json.dumps(json.loads(data), ensure_ascii=False, indent=1)
    return ("".join(f"data: {line}\n" for line in data.split("\n")) + "\n").encode()
