"""Shared processes for tests that only look at answers: one router, and one scripted upstream behind it.

`fault/NAME` is served by a backend with that fault and by a good one, `alone/NAME` only by the faulty one.
"""

import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from child import Child
from serving import BACKEND_KEY, IMPATIENT, Router, config, running

from continuum.testing.upstream import FAULTS, deafened

GOOD = "good"
MAX_BODY_BYTES = 64 * 1024


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def upstream_url(shared_home: Path) -> Generator[str]:
    """A scripted upstream in a process of its own: a model named `fault/NAME` gets that fault."""
    with Child(["-m", "continuum.testing.upstream"], home=shared_home) as child:
        yield child.wait_for_line(r"^(http://\S+)$", pipe="stdout").group(1)


@pytest.fixture(scope="session")
def refusing_url() -> Generator[str]:
    """An address that refuses connections and that nobody else can take."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture(scope="session")
def deaf_url() -> Generator[str]:
    """An address that takes no connection and refuses none."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with deafened(held):
            yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture(scope="session")
def faulty_backends(upstream_url: str, refusing_url: str, deaf_url: str) -> list[dict[str, Any]]:
    """A good backend, and one for each fault."""
    everything = [
        "test-model",
        {"id": "renamed-model", "upstream": "test-model"},
        *({"id": f"fault/{name}", "upstream": "test-model"} for name in FAULTS),
    ]
    backends: list[dict[str, Any]] = [
        {"name": GOOD, "type": "openai", "url": upstream_url, "api_key": BACKEND_KEY, "models": everything}
    ]
    for name, fault in FAULTS.items():
        url = refusing_url if not fault.listens else deaf_url if fault.deaf else upstream_url
        served = [f"fault/{name}", {"id": f"alone/{name}", "upstream": f"fault/{name}"}]
        backends.append({"name": f"bad-{name}", "type": "openai", "url": url, "models": served})
    return backends


# Each test is to see its fault, not what was learned from the one before.
UNLEARNED: dict[str, Any] = {"retry": {"base_delay": "5ms"}, "circuit_breaker": {"enabled": False}}


@pytest.fixture(scope="session")
def router(shared_home: Path, faulty_backends: list[dict[str, Any]]) -> Generator[Router]:
    """The shared router; tests leave nothing behind in it that others could see."""
    server = {"max_request_body": MAX_BODY_BYTES}
    with running(shared_home, config(*faulty_backends, timeouts=IMPATIENT, server=server, **UNLEARNED)) as process:
        yield process
        assert "Traceback" not in process.stderr


@pytest.fixture(scope="module")
def patient_router(
    tmp_path_factory: pytest.TempPathFactory, faulty_backends: list[dict[str, Any]]
) -> Generator[Router]:
    """The same with all the time that a busy machine may take: also for answering health checks."""
    configuration = config(*faulty_backends, health_checks={"enabled": False}, **UNLEARNED)
    with running(tmp_path_factory.mktemp("patient"), configuration) as process:
        yield process
        assert "Traceback" not in process.stderr
