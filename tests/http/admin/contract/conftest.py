"""The application as clients meet it: the real process, and mounted below /llm in a host of Starlette's."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import serving
from admin_contract import ALPHA_KEY, CLIENT, NOWHERE, Site, ok, version
from in_process import served
from plain_client import PlainClient
from starlette.applications import Starlette
from starlette.routing import Mount


def configuration(home: Path, upstream_url: str) -> dict[str, Any]:
    """Two backends, a client's key; what it keeps lies below `home`."""
    return serving.config(
        serving.backend(upstream_url, "alpha", models=["test-model", "other-model"], api_key=ALPHA_KEY),
        {"name": "beta", "url": NOWHERE, "api_key": "short", "weight": 3, "models": ["beta-model"]},
        storage={"dir": str(home / "state")},
        api_keys={"api_keys": [{"key": CLIENT, "id": "client-one", "name": "One"}]},
        hot_reload={"enabled": False},
    )


def mounted(app: Any) -> Any:
    """A host of somebody else's, with ours below /llm."""
    return Starlette(routes=[Mount("/llm", app=app)])


@pytest.fixture(scope="session", params=["process", "mounted"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_url: str
) -> Generator[Site]:
    """Shared by every test of the contract: each cleans up after itself."""
    home = tmp_path_factory.mktemp(f"contract-{request.param}")
    settings = configuration(home, upstream_url)
    if request.param == "process":
        with serving.running(home, settings) as process:
            yield Site(PlainClient(process.url), home, (home / "state/admin.token").read_text().strip())
            assert "Traceback" not in process.stderr
    else:
        with served(home, settings, wrap=mounted) as running:
            yield Site(PlainClient(f"{running.url}/llm"), home, running.token)


@pytest.fixture
def ask(site: Site) -> PlainClient:
    """A client of /admin with the token."""
    return site.ask


@pytest.fixture
def restored(ask: PlainClient) -> Generator[None]:
    """The configuration is as it was, after the test."""
    before = version(ask)
    yield
    ok(ask("POST", f"/config/rollback/{before}"))


@pytest.fixture
def gamma(ask: PlainClient) -> Generator[dict[str, Any]]:
    """A backend of the test's own: the answer that it was added with."""
    body = {"name": "gamma", "type": "openai", "url": NOWHERE, "models": ["g"], "api_key": "sk-gamma-key-of-ours-5678"}
    yield ok(ask("POST", "/backends", body), "success", "message", "backend")
    ask("DELETE", "/backends/gamma")
