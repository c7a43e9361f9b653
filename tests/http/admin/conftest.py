"""A running application per test, and a client that shows its token."""

from collections.abc import Generator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from admin_api import Open
from in_process import Served, served
from key_desk import Desk
from patience import PATIENCE_S

QUIET: Mapping[str, Any] = {"health_checks": {"enabled": False}}


@pytest.fixture
def open_admin(tmp_path: Path) -> Generator[Open]:
    """Start an application with this configuration; gives it and a client of its admin API."""
    with ExitStack() as stack:

        def start(configuration: Mapping[str, Any] | None = None, **more: Any) -> tuple[Served, httpx.Client]:
            running = stack.enter_context(served(tmp_path, {**QUIET, **(configuration or {})}, **more))
            headers = {"authorization": f"Bearer {running.token}"}
            client = httpx.Client(base_url=f"{running.url}/admin", headers=headers, trust_env=False, timeout=PATIENCE_S)
            return running, stack.enter_context(client)

        yield start


@pytest.fixture
def api(open_admin: Open) -> httpx.Client:
    """A client of an application with two backends."""
    backends = [
        {"name": "alpha", "url": "http://127.0.0.1:9", "api_key": "sk-planted-alpha-abcd", "models": ["m"]},
        {"name": "beta", "type": "openai", "api_key": "short", "weight": 3, "models": ["n"]},
    ]
    return open_admin({"backends": backends})[1]


@pytest.fixture
def desk(open_admin: Open, tmp_path: Path, upstream_url: str) -> Desk:
    """Where client keys are made and tried."""
    return Desk(open_admin, tmp_path, upstream_url)
