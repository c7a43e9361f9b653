"""Active health checks: a task per backend that asks it for a sign of life, aside from all traffic."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from continuum.backends.ejection import ejection
from continuum.config.sections.health_checks import ENDPOINT
from continuum.errors import UpstreamError
from continuum.providers import PROVIDERS
from continuum.resilience.health import Probe, read_status

if TYPE_CHECKING:
    from continuum.backends.backend import Backend
    from continuum.config import HealthChecks

__all__ = ["Checks", "HealthMonitor", "Probed", "probe"]

_log = logging.getLogger("continuum.backends")

SECONDS: Final = 1.0
FIRST_WITHIN: Final = 0.5 * SECONDS
"""The first probes of all backends are spread over this time."""

_JITTER: Final = 0.1
"""Share of an interval by which a pause is longer or shorter, so that many routers do not ask in step."""


@dataclass(frozen=True, slots=True)
class Checks:
    """How one backend is probed: the section, and what its own `health_check` says otherwise. Times in seconds."""

    enabled: bool
    path: str
    chosen: bool
    interval: float
    timeout: float

    @classmethod
    def of(cls, backend: Backend, section: HealthChecks) -> Checks:
        """chosen: somebody named the path. Else it is the one of the configured type: what a server was found to be
        does not change what it is asked.
        """
        own = backend.config.health_check
        path = own.path if own is not None else None
        if path is None and section.endpoint != ENDPOINT:
            path = section.endpoint
        enabled = own.enabled if own is not None else None
        return cls(
            enabled=backend.config.enabled and (section.enabled if enabled is None else enabled),
            path=path or PROVIDERS[backend.config.type].health_path,
            chosen=path is not None,
            interval=(own.interval if own is not None else None) or section.interval,
            timeout=(own.timeout if own is not None else None) or section.timeout,
        )


class Probed(NamedTuple):
    """One probe's result; said: what the server did, in words. status: what it answered, 0 without an answer; fault:
    then why there is none.
    """

    found: Probe
    said: str
    status: int = 0
    fault: UpstreamError | None = None


async def probe(backend: Backend, base: str, checks: Checks) -> Probed:
    """Ask once. Never raises for what the server does."""
    with trio.move_on_after(checks.timeout):
        try:
            async with await backend.look(base, checks.path) as response:
                found = read_status(response.status, chosen=checks.chosen)
                if found is Probe.PASSED:
                    await response.read()
                return Probed(found, f"it answers {response.status}", response.status)
        except UpstreamError as fault:
            return Probed(Probe.FAILED, fault.message, fault=fault)
    return Probed(Probe.FAILED, f"no answer in {checks.timeout:g} s")


class HealthMonitor:
    """Keeps the health of backends as one section says."""

    def __init__(self, section: HealthChecks) -> None:
        self._section = section
        self._random = random.Random()  # noqa: S311 - spreads load, guards nothing

    async def watch(self, backend: Backend) -> None:
        """Ask a backend again and again, until cancelled; return at once where it is not to be asked.

        One that was watched before is asked when its time comes.
        """
        checks = Checks.of(backend, self._section)
        if not checks.enabled:
            return
        due = min(backend.health.next_probe - trio.current_time(), checks.interval)
        await self._pause(backend, due if due > 0 else self._random.uniform(0, min(FIRST_WITHIN, checks.interval)))
        while True:
            base = backend.address()
            if base is None:
                await self._until_running(backend)
                continue
            probed = await probe(backend, base, checks)
            if base == backend.address():  # else it was stopped meanwhile, on purpose
                self._observe(backend, probed)
            pause = backend.health.pause(checks.interval, self._section)
            await self._pause(backend, pause * self._random.uniform(1 - _JITTER, 1 + _JITTER))

    async def check(self, backend: Backend) -> Probed | None:
        """Ask one backend now, whoever wants to know, and take what is found into account. None while there is nobody
        to ask: a managed server that does not run.
        """
        base = backend.address()
        if base is None:
            return None
        probed = await probe(backend, base, Checks.of(backend, self._section))
        if base == backend.address():
            self._observe(backend, probed)
        return probed

    async def ask_back_in(self, backend: Backend) -> None:
        """Ask a backend that is out until it is back in, or does not answer well; now, since somebody wants it."""
        while not backend.health.usable:
            probed = await self.check(backend)
            if probed is None or probed.found not in {Probe.PASSED, Probe.ALIVE}:
                return

    async def _pause(self, backend: Backend, pause: float) -> None:
        """Wait; for a managed server no longer than it runs."""
        backend.health.next_probe = trio.current_time() + pause
        with trio.move_on_after(pause):
            if backend.managed is None:
                await trio.sleep_forever()
            else:
                await backend.managed.until("stopped", "starting", "backoff")

    async def _until_running(self, backend: Backend) -> None:
        """What is known of a managed server ends with its process; the next one is asked as soon as it is ready."""
        if backend.health.reset():
            backend.availability.changed()
        if backend.managed is not None:
            await backend.managed.until("ready")

    def _observe(self, backend: Backend, probed: Probed) -> None:
        health, before, was_usable = backend.health, backend.health.state, backend.health.usable
        if not health.observe(probed.found, self._section, trio.current_time()):
            return
        backend.availability.changed()
        if health.absent:
            backend.give_up()
        if was_usable and (ejected := ejection(backend, trio.current_time())) is not None:
            backend.count_ejection(ejected.reason)
        good_news = _log.debug if before == "unknown" else _log.info  # a start that goes well is no news
        say = good_news if health.usable else _log.warning
        say("backend %s is %s, was %s: %s", backend.name, health.state, before, probed.said)
