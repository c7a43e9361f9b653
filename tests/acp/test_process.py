"""The agent as a process: every kind of descriptor on either end, a clean stdout, a light start."""

import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import pytest
from acp_schema import hold_lines

SECONDS = 20

# As the console script does it, without the command line.
DRIVER = """
import sys
from continuum.acp.descriptors import claim_stdio
from continuum.acp.greeting import greet
in_fd, out_fd = claim_stdio()
greeting = greet(in_fd, out_fd)
{greeted}
from continuum.acp.server import main

def load():
    {load}
    import continuum.config
    return continuum.config.from_mapping(
        {{
            "backends": [{{"name": "b", "type": "generic", "url": "http://127.0.0.1:9/v1", "models": ["m"]}}],
            "health_checks": {{"enabled": False}},
        }}
    )

sys.exit(main(in_fd=in_fd, out_fd=out_fd, load=load, greeting=greeting))
"""


def command(load: str = "", greeted: str = "") -> list[str]:
    return [sys.executable, "-c", DRIVER.format(load=load, greeted=greeted)]


def lines(*messages: Mapping[str, Any]) -> bytes:
    return b"".join(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n" for message in messages)


INITIALIZE = lines({"id": 0, "method": "initialize", "params": {"protocolVersion": 1}})
SESSION = lines({"id": 1, "method": "session/new", "params": {"cwd": "/"}})


def answers(output: bytes) -> dict[Any, dict[str, Any]]:
    """By id; every line must be a message that is right."""
    hold_lines(output.splitlines(), (INITIALIZE + SESSION).splitlines())
    messages = [json.loads(line) for line in output.splitlines()]
    return {message["id"]: message for message in messages if "id" in message}


def run(data: bytes, load: str = "", greeted: str = "") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command(load, greeted), input=data, capture_output=True, timeout=SECONDS, check=False)


def test_a_pipe_of_requests_is_answered_whole() -> None:
    done = run(INITIALIZE + b"nonsense\n[]\n" + SESSION + lines({"id": 2, "method": "no/such"}))
    got = answers(done.stdout)
    assert got[0]["result"]["protocolVersion"] == 1
    assert "sessionId" in got[1]["result"]
    assert got[2]["error"]["code"] == -32601
    assert got[None]["error"]["code"] == -32600
    assert len(done.stdout.splitlines()) == 6  # the commands are told behind the session
    assert done.returncode == 0
    assert done.stderr == b""


def test_what_prints_does_not_reach_the_client() -> None:
    noise = "import os, subprocess; print('noise'); os.write(1, b'noise'); subprocess.run(['echo', 'noise'])"
    done = run(INITIALIZE + SESSION, load=noise)
    assert set(answers(done.stdout)) == {0, 1}
    assert done.stderr.count(b"noise") == 3
    assert done.returncode == 0


def test_children_do_not_read_the_clients_messages() -> None:
    done = run(INITIALIZE + SESSION, load="import subprocess; subprocess.run(['cat'])")
    assert set(answers(done.stdout)) == {0, 1}
    assert done.returncode == 0


TELL_MODULES = (
    "print(*sorted({m.split('.')[0] for m in sys.modules} - sys.stdlib_module_names), 'and', "
    "*sorted(m for m in sys.modules if m.startswith('continuum')), file=sys.stderr, flush=True)"
)
INSTALLED_BY_PATH_FILES = {"_distutils_hack", "a1_coverage", "coverage"}


def modules_told(stderr: bytes) -> tuple[set[str], set[str]]:
    """Third parties' and ours."""
    third_parties, _, ours = stderr.decode().partition(" and ")
    found = {name for name in third_parties.split() if not name.startswith("__editable__")}
    return found - INSTALLED_BY_PATH_FILES - {"__main__", "continuum"}, set(ours.split())


def test_initialize_as_the_first_line_needs_only_the_standard_library() -> None:
    done = run(INITIALIZE, greeted=f"import sys; {TELL_MODULES}")
    third_parties, ours = modules_told(done.stderr)
    assert answers(done.stdout)[0]["result"]["protocolVersion"] == 1
    assert third_parties == set()
    assert ours == {
        "continuum",
        "continuum.acp",
        "continuum.acp.descriptors",
        "continuum.acp.greeting",
        "continuum.acp.jsonrpc",
        "continuum.acp.methods",
        "continuum.acp.methods.initialize",
        "continuum.version",
    }


def test_the_agent_itself_starts_with_trio_and_little_else() -> None:
    third_parties, ours = modules_told(run(INITIALIZE, load=TELL_MODULES).stderr)
    trios_own = {"trio", "attr", "attrs", "sortedcontainers", "outcome", "sniffio", "idna", "cffi", "_cffi_backend"}
    assert third_parties <= trios_own
    assert {name for name in ours if not name.startswith(("continuum.acp", "continuum.errors."))} == {
        "continuum",
        "continuum.errors",
        "continuum.version",
    }
    heavy = {"schema", "session", "turn", "content", "host", "updates", "config_options"}
    assert not {name.removeprefix("continuum.acp.") for name in ours} & heavy


class End:
    """One end of the agent's stdio: what it gets as descriptor, and how the test reads or writes the other side."""

    def __init__(self, kind: str, folder: Path, data: bytes) -> None:
        self.kind = kind
        self._data = data
        self._path = folder / f"{kind}-{len(data)}"
        self._near, self.far = self._open()

    def _open(self) -> tuple[int, int]:
        match self.kind:
            case "pipe" if self._data:
                far, near = os.pipe()
                return near, far
            case "pipe":
                return os.pipe()
            case "socket":
                ours, theirs = socket.socketpair()
                return ours.detach(), theirs.detach()
            case "tty":
                near, far = pty.openpty()
                return near, far
            case "null":
                null = os.open(os.devnull, os.O_RDWR)
                return os.dup(null), null
            case _:
                self._path.write_bytes(self._data)
                far = os.open(self._path, os.O_RDWR)
                return os.open(self._path, os.O_RDWR), far

    def feed(self) -> None:
        """As the client: all data, then the end."""
        if self.kind in {"pipe", "socket", "tty"}:
            os.write(self._near, self._data + (b"\x04" if self.kind == "tty" else b""))
        if self.kind != "tty":
            os.close(self._near)
            self._near = -1

    def collect(self) -> bytes:
        """As the client, after the agent's end: what came."""
        if self.kind == "file":
            return self._path.read_bytes()
        output = b""
        try:
            while chunk := os.read(self._near, 65536):
                output += chunk
        except OSError:  # a tty whose other side is closed
            pass
        return output

    def close(self) -> None:
        for fd in (self._near, self.far):
            if fd >= 0:
                os.close(fd)


@pytest.mark.parametrize(
    ("stdin", "stdout"),
    [("pipe", "pipe"), ("file", "file"), ("socket", "socket"), ("tty", "tty"), ("null", "pipe"), ("pipe", "null")],
)
def test_descriptors(stdin: str, stdout: str, tmp_path: Path) -> None:
    data = INITIALIZE + SESSION
    source, sink = End(stdin, tmp_path, data), End(stdout, tmp_path, b"")
    process = subprocess.Popen(command(), stdin=source.far, stdout=sink.far, stderr=subprocess.PIPE)
    try:
        source.feed()
        os.close(sink.far)
        sink.far = -1
        output = b"" if stdout == "null" else sink.collect() if stdout != "file" else b""
        _, said = process.communicate(timeout=SECONDS)
        output = output or (sink.collect() if stdout == "file" else b"")
    finally:
        process.kill()
        process.wait()
        source.close()
        sink.close()
    assert process.returncode == 0
    assert b"Traceback" not in said
    assert set(answers(output)) == (set() if "null" in (stdin, stdout) else {0, 1})


def test_the_clients_descriptors_stay_as_they_were() -> None:
    """O_NONBLOCK is not left on a description that others share, even by a process that is killed."""
    (in_read, in_write), (out_read, out_write) = os.pipe(), os.pipe()
    process = subprocess.Popen(command(), stdin=in_read, stdout=out_write)
    try:
        os.write(in_write, INITIALIZE)
        assert os.read(out_read, 65536)
        assert os.get_blocking(in_read)
        assert os.get_blocking(out_write)
    finally:
        process.kill()
        process.wait()
        for fd in (in_read, in_write, out_read, out_write):
            os.close(fd)


def test_closed_descriptors_are_an_end() -> None:
    shut = [sys.executable, "-c", f"import os; os.close(0); os.close(1)\n{DRIVER.format(load='', greeted='')}"]
    done = subprocess.run(shut, capture_output=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def _peak_mib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def _line(pipe: IO[bytes] | None) -> dict[str, Any]:
    assert pipe is not None
    message: dict[str, Any] = json.loads(pipe.readline())
    return message


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")
def test_an_endless_line_is_skipped_in_bounded_memory() -> None:
    with subprocess.Popen(command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(INITIALIZE + SESSION)
            process.stdin.flush()
            assert [_line(process.stdout).get("id") for _ in range(3)] == [0, 1, None]
            before = _peak_mib(process.pid)
            for _ in range(128):
                process.stdin.write(b"x" * 1024 * 1024)
            process.stdin.write(b"\n" + lines({"id": 2, "method": "authenticate"}))
            process.stdin.flush()
            refused = _line(process.stdout)
            assert (refused["id"], refused["error"]["code"]) == (None, -32600)
            assert _line(process.stdout)["id"] == 2
            assert _peak_mib(process.pid) - before < 40
        finally:
            process.kill()
