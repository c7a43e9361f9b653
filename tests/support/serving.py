"""The real `continuum` process in HTTP mode on a free port, and the configurations tests give it."""

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import trio
import yaml
from child import Child

LISTENING = r"^continuum: listening on (https?://\S+)$"

# Quick to fail, for tests that wait for a limit. Others keep the product's own, which no busy machine reaches.
IMPATIENT: Mapping[str, Any] = {
    "connection": "2s",
    "request": {
        "standard": {"first_byte": "2s", "total": "6s"},
        "streaming": {"first_byte": "2s", "chunk_interval": "2s", "total": "20s", "hold_head": "10s"},
    },
}

BACKEND_KEY = "sk-planted-backend-key-4711"
CLIENT_KEY = "sk-planted-client-key-0815"


def backend(url: str, name: str = "alpha", *, models: Sequence[str] = ("test-model",), **more: Any) -> dict[str, Any]:
    """One entry of `backends`."""
    return {"name": name, "type": "openai", "url": url, "models": list(models), "api_key": BACKEND_KEY, **more}


def config(*backends: Mapping[str, Any], **sections: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration on a free port, which leaves the backends alone but for calls; the other sections as given."""
    sections.setdefault("health_checks", {"enabled": False})
    server = {"bind_address": "127.0.0.1:0", **sections.pop("server", {})}
    return {**sections, "server": server, "backends": [dict(entry) for entry in backends]}


class Router(Child):
    """A running router; `url` is where it listens."""

    url = ""

    def wait_until_listening(self) -> "Router":
        """Return when it listens."""
        self.url = self.wait_for_line(LISTENING).group(1)
        return self


def start(home: Path, configuration: Mapping[str, Any] | str, *arguments: str, **environ: str) -> Router:
    """Start `continuum --mode http --config FILE`, without waiting for it to listen."""
    file = home / "continuum-under-test.yaml"
    text = configuration if isinstance(configuration, str) else yaml.safe_dump(dict(configuration), sort_keys=False)
    file.write_text(text, encoding="utf-8")
    command = ["-m", "continuum", "--mode", "http", "--config", str(file), *arguments]
    return Router(command, home=home, environ=environ)


@contextmanager
def running(home: Path, configuration: Mapping[str, Any], *arguments: str, **environ: str) -> Generator[Router]:
    """A listening router for as long as the block lasts."""
    with start(home, configuration, *arguments, **environ) as router:
        yield router.wait_until_listening()


@asynccontextmanager
async def open_router(
    home: Path, configuration: Mapping[str, Any] | str, *arguments: str, **environ: str
) -> AsyncGenerator[Router]:
    """As `running`, for trio: what serves the router in this process goes on meanwhile."""
    router = start(home, configuration, *arguments, **environ)
    try:
        yield await trio.to_thread.run_sync(router.wait_until_listening)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(router.stop)
