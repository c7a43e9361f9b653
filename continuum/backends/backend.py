"""One live upstream: its configuration, its connections, and what is going on with it."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import trio

from continuum.backends.latency import Latency
from continuum.backends.transport import Origin
from continuum.config.url import joined
from continuum.errors import (
    UpstreamDenied,
    UpstreamFailed,
    UpstreamProtocolError,
    UpstreamThrottled,
    UpstreamTimeout,
)
from continuum.metrics.instruments import ATTEMPT_DURATION, ATTEMPTS, EJECTIONS
from continuum.providers import PROVIDERS
from continuum.resilience.health import Health
from continuum.resilience.keys import KeyRing, Rest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.backends.client import UpstreamClient, UpstreamResponse
    from continuum.backends.managed import ManagedServer
    from continuum.backends.outcome import Outcome
    from continuum.backends.tally import Tally
    from continuum.config import BackendConfig, Retry
    from continuum.errors import UpstreamError
    from continuum.metrics import Meter
    from continuum.providers import Headers, Provider
    from continuum.resilience.breaker import Breaker

__all__ = ["Availability", "Backend", "Cut", "Shared"]

_log = logging.getLogger("continuum.backends")

_OURS: Headers = [
    (b"content-type", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"continuum"),
]


class Cut(Protocol):
    """Ends an attempt where it waits."""

    def __call__(self, kind: type[UpstreamError], words: str, *, begun: bool = True) -> None:
        """With this fault; begun: one whose first content has come, too."""
        ...


class Availability:
    """Says that something has changed about who may be sent what. count: how often that was."""

    def __init__(self) -> None:
        self.count = 0
        self._change: trio.Event | None = None

    def changed(self) -> None:
        """What was concluded from the state before does not hold any longer."""
        self.count += 1
        change, self._change = self._change, None
        if change is not None:
            change.set()

    async def next_change(self) -> None:
        """Wait for the next time."""
        if self._change is None:
            self._change = trio.Event()
        await self._change.wait()


class Shared(NamedTuple):
    """What a backend has of its router: whom to tell of changes, its breaker and its counts, which stay with its name,
    and what measures it.
    """

    availability: Availability
    breaker: Breaker
    tally: Tally
    meter: Meter


class Backend:
    """A configured backend at work. in_flight counts attempts that hold it now; models maps each served name to
    the name its server knows, and is replaced whole when discovery finds others. provider is what its type says, or
    what it was found to be. keys: its keys by number; without any, one that stands for none. rests_until: when it can
    be burdened again, having asked to be spared; longest_rest: seconds for which that is believed. cutters:
    each ends one of the attempts that hold it; is_cut: no other is to begin.

    client carries calls, side_client all we ask on our own account: a look never waits for a call, nor a call for it.
    """

    def __init__(
        self,
        config: BackendConfig,
        client: UpstreamClient,
        *,
        side_client: UpstreamClient,
        shared: Shared,
        managed: ManagedServer | None = None,
    ) -> None:
        self.config = config
        self.client = client
        self.side_client = side_client
        self.managed = managed
        self.availability, self.breaker, self.tally, self._meter = shared
        self.health = Health()
        self.rests_until = -math.inf
        self.longest_rest = math.inf
        self._base = config.base
        self.name = config.name
        self.weight = config.weight
        self.in_flight = 0
        self._latency = Latency()
        self.models: Mapping[str, str] = {entry.id: entry.upstream or entry.id for entry in config.entries}
        self._secrets = [secret.reveal() for secret in config.keys]
        self.keys = KeyRing(len(self._secrets) or 1)
        self.cutters: set[Cut] = set()
        self.is_cut = False
        self._unused: trio.Event | None = None
        self._placed: str = ""
        self._origin: Origin
        self._prefix = ""
        self.adopt(PROVIDERS[config.type])

    @property
    def latency(self) -> float | None:
        """Seconds to the first content, as lately seen; None while unknown."""
        return self._latency.at(trio.current_time())

    @property
    def full(self) -> bool:
        """Whether it holds as many requests as it may, or its breaker as many trials."""
        limit = self.config.max_in_flight
        return (limit is not None and self.in_flight >= limit) or self.breaker.saturated

    def retune(self, retry: Retry) -> None:
        """Go by another section from now on."""
        self.longest_rest = retry.max_retry_after

    def reconfigure(self, config: BackendConfig) -> None:
        """Go by another entry that differs in what can change under way (pool._SOFT)."""
        before, self.config = self.config, config
        self.weight = config.weight
        if config.entries or before.entries:
            self.models = {entry.id: entry.upstream or entry.id for entry in config.entries}

    def cut(self) -> None:
        """End every attempt that holds it: it is no longer ours. Those that find it all the same end at once."""
        self.is_cut = True
        for cut in list(self.cutters):
            cut(UpstreamProtocolError, "the backend was removed")

    def give_up(self) -> None:
        """End every attempt that still waits for content: nobody is there."""
        for cut in list(self.cutters):
            cut(UpstreamTimeout, "the backend has not answered anything yet, not even a health check", begun=False)

    async def until_unused(self) -> None:
        """Wait until no attempt holds it."""
        while self.in_flight:
            if self._unused is None:
                self._unused = trio.Event()
            await self._unused.wait()

    def adopt(self, provider: Provider) -> None:
        """Treat its server as one of this kind from the next request on."""
        config = self.config
        self.provider = provider
        own = {name.lower().encode(): value.reveal().encode("latin-1") for name, value in config.headers.items()}
        common: Headers = list(({**dict(_OURS), **dict(provider.extra_headers(config)), **own}).items())
        look = provider.look_headers or provider.auth_headers
        self._headers = [[*common, *provider.auth_headers(key)] for key in self._secrets] or [common]
        self._look_headers = [[*common, *look(key)] for key in self._secrets] or [common]

    async def acquire(self) -> str:
        """Where its server is, without /v1; a managed one is started first. Pairs with `release`, unless it raises
        ConnectFailed.
        """
        return await self.managed.acquire() if self.managed is not None else self._base

    async def send(self, base: str, path: str, content: bytes, key: int) -> UpstreamResponse:
        """Send a call with what this backend's requests carry: its own credential, nothing of the client's."""
        self._place(base)
        return await self.client.send(self._origin, "POST", joined(self._prefix, path), self._headers[key], content)

    async def look(self, base: str, path: str, key: int | None = None) -> UpstreamResponse:
        """Ask on our own account, aside from all calls: for the list of models, or for a sign of life. key: its
        number; None: one that is awake.
        """
        self._place(base)
        headers = self._look_headers[self.keys.look(trio.current_time()) if key is None else key]
        return await self.side_client.send(self._origin, "GET", joined(self._prefix, path), headers)

    def release(self) -> None:
        """The caller of `acquire` is done with the server."""
        if self.managed is not None:
            self.managed.release()

    def address(self) -> str | None:
        """Where its server is, for a look at it; None while it is managed and not ready. Not a use of it."""
        return self.managed.address if self.managed is not None else self._base

    def answering(self, ticket: int) -> int:
        """An attempt has its first content: the ticket to go on with."""
        if self.breaker.state == "closed":
            return ticket
        before, now = self.breaker.state, trio.current_time()
        ticket = self.breaker.answering(ticket, now)
        if self.breaker.state != before:
            self._tell_breaker(now)
            self.availability.changed()
        return ticket

    def record(self, outcome: Outcome, now: float) -> None:
        """Take notice of how an attempt has ended now."""
        if self._unused is not None and not self.in_flight:
            self._unused.set()
            self._unused = None
        self._latency.record(outcome, now)
        self.tally.record(outcome)
        self._meter.count(ATTEMPTS, self.name, outcome.result)
        self._meter.observe(ATTEMPT_DURATION, outcome.total, self.name)
        changed = self._record_key(outcome, now)
        verdict = self.breaker.judge(outcome.error, cancelled=outcome.cancelled)
        if self.breaker.end(outcome.ticket, verdict, now):
            self._tell_breaker(now)
            changed = True
        if changed:
            self.availability.changed()

    def _record_key(self, outcome: Outcome, now: float) -> bool:
        match outcome.error:
            case None:
                return not outcome.cancelled and self.keys.accepted(outcome.key, now)
            case UpstreamDenied():
                return self.keys.rest(outcome.key, Rest.DENIED, now)
            case UpstreamThrottled(retry_after=asked):
                return self.keys.rest(outcome.key, Rest.THROTTLED, now, asked)
            case UpstreamFailed(retry_after=asked) if asked:
                self.rests_until = max(self.rests_until, now + asked)
                return True
            case _:
                return False

    def count_ejection(self, reason: str) -> None:
        """It is left out of the selection from now on."""
        self._meter.count(EJECTIONS, self.name, reason)

    def _tell_breaker(self, now: float) -> None:
        breaker = self.breaker
        if breaker.state == "open":
            self.count_ejection("circuit_open")
            _log.warning("backend %s: circuit open, tried again in %g s", self.name, breaker.until - now)
        else:
            _log.info("backend %s: circuit %s", self.name, breaker.state)

    def _place(self, base: str) -> None:
        if base != self._placed:
            self._placed, (self._origin, self._prefix) = base, Origin.of(base)
