"""The agent as a process: what a pipeline gets, and how light its start is. test_descriptors.py has its ends."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from acp_schema import hold_lines
from patience import PATIENCE_S

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
    return subprocess.run(command(load, greeted), input=data, capture_output=True, timeout=PATIENCE_S, check=False)


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
    assert {".".join(name.split(".")[:2]) for name in ours} == {
        "continuum",
        "continuum.acp",
        "continuum.errors",
        "continuum.version",
    }
    heavy = {"schema", "session", "turn", "content", "host", "updates", "config_options"}
    assert not {name.removeprefix("continuum.acp.") for name in ours} & heavy


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
