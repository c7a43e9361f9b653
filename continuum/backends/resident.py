"""A backend of a pool with the tasks that serve it, for as long as it is configured and a little longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from continuum.backends.backend import Backend
    from continuum.backends.catalog import Catalog
    from continuum.backends.health import HealthMonitor

__all__ = ["Resident"]


class Resident:
    """serve: what its calls need. look: what we ask it on our own account; that may end and begin again."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._serving = trio.CancelScope()
        self._looking = trio.CancelScope()

    async def serve(self) -> None:
        """Keep its connections, and its server where that is managed, until `aclose`."""
        with self._serving:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.backend.client.run)
                if self.backend.managed is not None:
                    nursery.start_soon(self.backend.managed.run)

    async def look(self, catalog: Catalog, monitor: HealthMonitor) -> None:
        """Ask for its models and its health, until `stop_looking`."""
        with self._looking:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(catalog.follow, self.backend)
                nursery.start_soon(monitor.watch, self.backend)

    def stop_looking(self) -> None:
        """Ask no more; `look` may be called anew."""
        self._looking.cancel()
        self._looking = trio.CancelScope()

    def look_no_more(self) -> None:
        """End `look` for good, also one that is yet to begin."""
        self._looking.cancel()

    async def aclose(self) -> None:
        """Close its connections and end its server."""
        self.look_no_more()
        self._serving.cancel()
        await self.backend.client.aclose()
        await self.backend.side_client.aclose()
