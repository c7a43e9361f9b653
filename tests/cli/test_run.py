"""`continuum run` in a pipeline: events, sessions, tools, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml
from child import Child
from command import continuum
from serving import backend, config

from continuum.testing.upstream import FAULTS, Completion, Hang, Stream, ToolCall, Upstream, open_upstream


def write(home: Path, upstream: Upstream) -> str:
    file = home / "continuum-under-test.yaml"
    data = {**config(backend(upstream.url)), "storage": {"dir": str(home / "state")}}
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return str(file)


def events(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


async def test_events_are_objects_of_their_own_line(tmp_path: Path) -> None:
    async with open_upstream(Stream(("Hello ", "there"))) as upstream:
        done = await continuum(tmp_path, "-c", write(tmp_path, upstream), "run", "--json", "hi")
    *told, usage, end = events(done.stdout)
    assert told == [{"type": "text", "text": "Hello "}, {"type": "text", "text": "there"}]
    assert usage["type"] == "usage"
    assert end == {"type": "end", "stopReason": "stop", "model": "test-model"}
    assert (done.returncode, done.stderr) == (0, b"")


async def test_a_failure_is_an_event_and_a_line(tmp_path: Path) -> None:
    async with open_upstream(FAULTS["status-500"].answer) as upstream:
        done = await continuum(tmp_path, "-c", write(tmp_path, upstream), "run", "--json", "hi")
    (error,) = events(done.stdout)
    assert error["type"] == "error"
    assert error["message"] in done.stderr.decode()
    assert done.returncode == 1


async def test_a_session_goes_on(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        upstream.push(Stream(("one",)), Stream(("two",)))
        file = write(tmp_path, upstream)
        for text, said in (("first", b"one\n"), ("second", b"two\n")):
            done = await continuum(tmp_path, "-c", file, "run", "--session", "notes", text)
            assert (done.returncode, done.stdout, done.stderr) == (0, said, b"")
    assert [message["content"] for message in upstream.calls[1].json["messages"]] == ["first", "one", "second"]
    assert "tools" not in upstream.calls[1].json


async def test_tools_work_here_and_what_would_be_asked_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("of the file", "utf-8")
    read = ToolCall("read_file", '{"path": "a.txt"}')
    delete = ToolCall("delete_file", '{"path": "a.txt"}')
    async with open_upstream() as upstream:
        upstream.push(Completion((), (read,)), Completion((), (delete,)), Stream(("done",)))
        file = write(tmp_path, upstream)
        done = await continuum(tmp_path, "-c", file, "run", "--json", "--tools", "ask", "look")
    told = events(done.stdout)
    assert [each["title"] for each in told if each["type"] == "tool_call"]
    assert told[-1]["stopReason"] == "end_turn"
    assert [each["status"] for each in told if each["type"] == "tool_call_update"][-1] == "failed"
    assert (tmp_path / "a.txt").exists()
    assert "of the file" in json.dumps(upstream.calls[1].json["messages"])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["", "../x", "a b"])
async def test_a_sessions_name_is_judged(tmp_path: Path, name: str) -> None:
    done = await continuum(tmp_path, "run", "--session", name, "hi")
    assert done.returncode == 2
    assert b"--session" in done.stderr


async def test_an_interrupt_ends_it_quietly(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        upstream.push(Stream(("half", Hang())))
        file = write(tmp_path, upstream)
        with Child(["-m", "continuum", "-c", file, "run", "--json", "hi"], home=tmp_path) as child:
            call = await upstream.next_call()
            await trio.to_thread.run_sync(lambda: child.wait_for_line("half", pipe="stdout"))
            child.signal(signal.SIGINT)
            assert await child.exited() == 130
            await call.aborted()
            assert child.stderr == ""


async def test_a_reader_that_has_enough_ends_it_quietly(tmp_path: Path) -> None:
    pieces = tuple("x" * 10_000 for _ in range(100))

    def first_bytes(file: str) -> tuple[int, bytes]:
        command = [sys.executable, "-m", "continuum", "-c", file, "run", "hi"]
        with subprocess.Popen(
            command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(5)
            process.stdout.close()
            said = process.stderr.read()
            return process.wait(20), said

    async with open_upstream(Stream(pieces)) as upstream:
        file = write(tmp_path, upstream)
        assert await trio.to_thread.run_sync(first_bytes, file) == (141, b"")
