"""The first exchange: `initialize` is answered at once, anything else reaches the agent byte for byte."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.acp.greeting import NOT_GREETED, Greeting, greet
from continuum.acp.jsonrpc import RpcError
from continuum.acp.methods.initialize import answer
from continuum.acp.schema import Initialize, read_params

CAPABILITIES = {"fs": {"readTextFile": True}}
INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": 1, "clientCapabilities": CAPABILITIES},
    }
).encode()


def greeted(pieces: Sequence[bytes], *, blocking: bool = True) -> tuple[Greeting, bytes]:
    """The greeting of a client that writes these pieces and leaves, and what it got."""
    there, ours = os.pipe(), os.pipe()
    os.set_blocking(there[0], blocking)

    def client() -> None:
        for piece in pieces:
            os.write(there[1], piece)
        os.close(there[1])

    writer = threading.Thread(target=client)
    writer.start()
    try:
        greeting = greet(there[0], ours[1])
    finally:
        writer.join(10)
        os.close(ours[1])
    with os.fdopen(ours[0], "rb") as output, os.fdopen(there[0], "rb") as rest:
        return greeting._replace(unread=greeting.unread + (rest.read() or b"")), output.read()


@pytest.mark.parametrize(
    "params",
    [
        {"protocolVersion": 1},
        {"protocolVersion": 2**60, "clientCapabilities": {"fs": {"readTextFile": True}}, "_meta": {}},
        {"protocolVersion": -1, "clientCapabilities": "none"},
        {"protocolVersion": "1"},
        {"protocolVersion": True},
        {"protocolVersion": 1.5},
        {},
        None,
        [1],
    ],
)
def test_what_initialize_takes_is_what_its_schema_says(params: object) -> None:
    """It reads its params by hand, before anything is loaded that could read a schema's record."""
    answers: list[bool] = []
    for reads in (answer, partial(read_params, Initialize)):
        try:
            reads(params)
        except RpcError:
            answers.append(False)
        else:
            answers.append(True)
    assert answers in ([True, True], [False, False])


@pytest.mark.parametrize("blocking", [True, False])
def test_initialize_is_answered_and_the_rest_kept(blocking: bool) -> None:  # noqa: FBT001 - a parameter
    greeting, output = greeted([INITIALIZE[:20], INITIALIZE[20:] + b"\nmore\nand", b" more"], blocking=blocking)
    assert greeting == Greeting(CAPABILITIES, b"more\nand more")
    assert json.loads(output) == {"jsonrpc": "2.0", "id": 0, "result": answer({"protocolVersion": 1})}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        INITIALIZE,  # no newline yet: the agent knows what to do at the end of input
        b"nonsense\n" + INITIALIZE + b"\n",
        INITIALIZE.replace(b'"protocolVersion": 1', b'"protocolVersion": "1"') + b"\n",
        INITIALIZE.replace(b'"initialize"', b'"session/new"') + b"\n",
        INITIALIZE.replace(b'"id": 0, ', b"") + b"\n",
        b"[" + INITIALIZE + b"]\n",
        b"x" * 70_000 + b"\n",
    ],
)
def test_what_is_no_good_initialize_is_left_to_the_agent(data: bytes) -> None:
    assert greeted([data]) == (NOT_GREETED._replace(unread=data), b"")


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_nothing_is_lost_whatever_comes(pieces: list[bytes]) -> None:
    greeting, output = greeted(pieces)
    assert (greeting.unread, output) == (b"".join(pieces), b"")


def test_nothing_is_answered_or_read_where_the_configuration_has_a_say() -> None:
    there, ours = os.pipe(), os.pipe()
    os.write(there[1], INITIALIZE + b"\n")
    assert greet(there[0], ours[1], deferred=True) == Greeting(deferred=True)
    assert os.read(there[0], 65536) == INITIALIZE + b"\n"
    for end in (*there, *ours):
        os.close(end)


def test_a_client_that_does_not_read_is_no_fault() -> None:
    there, ours = os.pipe(), os.pipe()
    os.write(there[1], INITIALIZE + b"\n")
    for end in (there[1], ours[0]):
        os.close(end)
    assert greet(there[0], ours[1]).client_capabilities == CAPABILITIES
    for end in (there[0], ours[1]):
        os.close(end)


def test_a_terminal_is_told_what_is_awaited(capsys: pytest.CaptureFixture[str]) -> None:
    master, terminal = os.openpty()
    os.write(master, b"\x04")
    assert greet(terminal, terminal) == NOT_GREETED
    assert "waiting for an ACP client" in capsys.readouterr().err
    os.close(master)
    os.close(terminal)
