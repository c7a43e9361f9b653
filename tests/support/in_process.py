"""The real HTTP application in this process, served over a real socket by a thread of its own."""

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import hypercorn.config
import hypercorn.trio
import trio
import yaml
from patience import PATIENCE_S

from continuum.config import open_file
from continuum.http import App
from continuum.runtime import Instance, open_instance

T = TypeVar("T")
Wrap = Callable[[App], Any]


class Served:
    """A running application. `url` is where it listens; `ask` runs a function where its instance lives."""

    def __init__(self, file: Path, environ: Mapping[str, str], wrap: Wrap | None) -> None:
        self.file = file
        self.url = ""
        self.instance: Instance
        self._environ = environ
        self._wrap = wrap
        self._ready = threading.Event()
        self._stop: trio.Event
        self._token: trio.lowlevel.TrioToken
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def folder(self) -> Path:
        """Its storage folder."""
        return self.file.parent / "state"

    @property
    def token(self) -> str:
        """The admin token that it made."""
        return (self.folder / "admin.token").read_text().strip()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(PATIENCE_S), "it does not start"
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        if self._thread.is_alive():
            trio.from_thread.run_sync(self._stop.set, trio_token=self._token)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "it does not stop"
        if self._fault is not None:
            raise self._fault

    def ask(self, function: Callable[[Instance], T]) -> T:
        """What the function says of the running instance."""
        return trio.from_thread.run_sync(partial(function, self.instance), trio_token=self._token)

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as fault:  # noqa: BLE001 - raised again in the test's own thread
            self._fault = fault
        self._ready.set()

    async def _serve(self) -> None:
        self._token, self._stop = trio.lowlevel.current_trio_token(), trio.Event()
        settings = hypercorn.config.Config()
        settings.bind = ["127.0.0.1:0"]
        settings.accesslog = settings.errorlog = None
        settings.graceful_timeout = 1
        store = open_file(self.file, environ=self._environ)
        async with open_instance(store) as instance, trio.open_nursery() as nursery:
            self.instance = instance
            app = App(instance)
            await instance.have_admin_token()
            served: Any = app if self._wrap is None else self._wrap(app)
            start: Any = partial(
                cast("Any", hypercorn.trio).serve, served, settings, shutdown_trigger=self._stop.wait, mode="asgi"
            )
            self.url = str((await nursery.start(start))[0])
            self._ready.set()
        store.close()


@contextmanager
def served(
    home: Path,
    configuration: Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
    wrap: Wrap | None = None,
) -> Generator[Served]:
    """The application at work for as long as the block lasts, its configuration and all it keeps below `home`."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "continuum.yaml"
    state = {"dir": str(home / "state")}
    file.write_text(yaml.safe_dump({"storage": state, **configuration}, sort_keys=False))
    running = Served(file, environ or {}, wrap)
    running.start()
    try:
        yield running
    finally:
        running.stop()
