"""A look at the backends as a person would take it: does each answer, with which models, and what is wrong with it.

It goes the router's own ways (connections, keys, lists of models, probes) and stays beside all traffic. What to do
about a trouble is said elsewhere.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Literal

import trio

from continuum.backends.catalog import ask_for_models
from continuum.backends.health import Checks, Probed, probe
from continuum.errors import ConnectFailed, UpstreamError, UpstreamProtocolError, UpstreamTimeout
from continuum.providers import PROVIDERS
from continuum.resilience.health import Probe, read_status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from continuum.backends.backend import Backend
    from continuum.backends.pool import Pool
    from continuum.config import HealthChecks

__all__ = ["Checkup", "Kind", "State", "Trouble", "check_up"]

State = Literal["ok", "warming_up", "failed", "stopped", "disabled"]
"""stopped: a managed server that nobody has used yet."""


class Kind(StrEnum):
    """What a trouble is, beside the causes for which there is no connection (transport/cause.py)."""

    TIMEOUT = "timeout"
    KEY_MISSING = "key_missing"
    KEY_REFUSED = "key_refused"
    THROTTLED = "throttled"
    WRONG_PATH = "wrong_path"
    REDIRECTED = "redirected"
    REJECTED = "rejected"
    SERVER_ERROR = "server_error"
    NOT_HTTP = "not_http"
    NO_LIST = "no_list"
    NO_MODELS = "no_models"
    UNLISTED_MODEL = "unlisted_model"
    PROBE_FAILS = "probe_fails"
    NO_PROGRAM = "no_program"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something about a backend. kind: a Kind or a Cause; said: what happened, in words; subject: which key or model,
    where it is about one.
    """

    kind: str
    said: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found. provider: what kind of server it is treated as. seconds: until its list of models was here.
    troubles keep it from being used, or some of its keys; notes are odd and may be meant.
    """

    name: str
    state: State
    provider: str
    seconds: float | None = None
    troubles: tuple[Trouble, ...] = ()
    notes: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    """The list of models as asked for with one key. trouble: why it is none."""

    status: int = 0
    body: bytes = b""
    trouble: Trouble | None = None
    seconds: float = 0.0


async def check_up(
    pool: Pool,
    section: HealthChecks,
    *,
    patience: float,
    names: Collection[str] | None = None,
    start: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> list[Checkup]:
    """Every backend of the pool at once, or those with these names; in the configuration's order. patience: seconds
    for each answer. start: managed servers are started for it. told: hears the name of each that is done.
    """
    chosen = [each for each in pool.backends if names is None or each.name in names]
    found: dict[str, Checkup] = {}

    async def examine(backend: Backend) -> None:
        checks = Checks.of(backend, section)
        checks = replace(checks, timeout=min(checks.timeout, patience))
        found[backend.name] = await _examine(
            backend, partial(pool.catalog.learn, backend), checks, patience, start=start
        )
        told(backend.name)

    async with trio.open_nursery() as nursery:
        for backend in chosen:
            nursery.start_soon(examine, backend)
    return [found[each.name] for each in chosen]


async def _examine(
    backend: Backend, learn: Callable[[bytes], None], checks: Checks, patience: float, *, start: bool
) -> Checkup:
    kind = backend.provider.name
    if not backend.config.enabled:
        return Checkup(backend.name, "disabled", kind)
    if backend.managed is None:
        return await _ask(backend, backend.config.base, learn, checks, patience)
    if not start:
        missing = _missing_program(backend)
        return Checkup(backend.name, "failed" if missing else "stopped", kind, troubles=missing)
    try:
        base = await backend.acquire()
    except ConnectFailed as fault:
        return Checkup(backend.name, "failed", kind, troubles=(Trouble(Kind.NOT_STARTED, fault.message),))
    try:
        return await _ask(backend, base, learn, checks, patience)
    finally:
        backend.release()


def _missing_program(backend: Backend) -> tuple[Trouble, ...]:
    managed = backend.config.managed
    if managed is None or shutil.which(managed.command[0]) is not None:
        return ()
    return (Trouble(Kind.NO_PROGRAM, "its program is not found", managed.command[0]),)


async def _ask(backend: Backend, base: str, learn: Callable[[bytes], None], checks: Checks, patience: float) -> Checkup:
    """Ask for the list of models with each key, and for a sign of life, all at once."""
    answers = [_Answer()] * (len(backend.config.keys) or 1)
    probes: list[Probed] = []

    async def list_with(key: int) -> None:
        answers[key] = await _list(backend, base, key, patience)

    async def look() -> None:
        probes.append(await probe(backend, base, checks))

    async with trio.open_nursery() as nursery:
        for key in range(len(answers)):
            nursery.start_soon(list_with, key)
        if checks.enabled:
            nursery.start_soon(look)
    best = next((each for each in answers if each.status == 200), answers[0])
    trouble = best.trouble
    if trouble is None:
        try:
            learn(best.body)
        except UpstreamProtocolError:
            trouble = Trouble(Kind.NO_LIST, "what it answers is no list of models")
    probed = probes[0] if probes else None
    state, troubles, notes = _judge(backend, trouble, best, probed)
    troubles = [*troubles, *_refused_keys(answers, best)]
    seconds = best.seconds if best.status else None
    return Checkup(backend.name, state, backend.provider.name, seconds, tuple(troubles), tuple(notes))


async def _list(backend: Backend, base: str, key: int, patience: float) -> _Answer:
    began = trio.current_time()
    with trio.move_on_after(patience):
        try:
            status, body = await ask_for_models(backend, base, key)
        except UpstreamError as fault:
            return _Answer(trouble=_of_fault(fault))
        return _Answer(status, body, _of_status(status, backend), trio.current_time() - began)
    return _Answer(trouble=Trouble(Kind.TIMEOUT, f"no answer in {patience:g} s"))


def _of_fault(fault: UpstreamError) -> Trouble:
    match fault:
        case ConnectFailed(cause=cause) if cause:
            return Trouble(cause, fault.message)
        case UpstreamTimeout():
            return Trouble(Kind.TIMEOUT, fault.message)
        case _:
            return Trouble(Kind.NOT_HTTP, fault.message)


def _of_status(status: int, backend: Backend) -> Trouble | None:
    if status == 200:
        return None
    kind = Kind.REJECTED
    if status in (401, 403):
        kind = Kind.KEY_REFUSED if backend.config.keys else Kind.KEY_MISSING
    elif status in (404, 405):
        kind = Kind.WRONG_PATH
    elif status == 429:
        kind = Kind.THROTTLED
    elif 300 <= status < 400:
        kind = Kind.REDIRECTED
    elif status >= 500:
        kind = Kind.SERVER_ERROR
    return Trouble(kind, f"it answers {status}")


def _judge(
    backend: Backend, trouble: Trouble | None, answer: _Answer, probed: Probed | None
) -> tuple[State, list[Trouble], list[Trouble]]:
    """State, troubles and notes, from what came of asking for the models (trouble: why there is no list) and of the
    probe.
    """
    if probed is None:
        found = Probe.PASSED if trouble is None else read_status(answer.status, chosen=False)
        probed = Probed(found, trouble.said if trouble else "", answer.status)
    if probed.found is Probe.WARMING or (trouble is not None and answer.status == 503):
        return "warming_up", [], []
    if trouble is not None and not backend.config.entries:
        return "failed", [trouble], []
    if trouble is None and not backend.models:
        return "failed", [Trouble(Kind.NO_MODELS, "it answers, and has no models")], []
    if probed.found is Probe.FAILED:
        worse = trouble or Trouble(Kind.PROBE_FAILS, f"its health check fails: {probed.said}")
        return "failed", [worse], []
    if trouble is None:
        return "ok", [], list(_unlisted(backend, answer.body))
    if trouble.kind in (Kind.KEY_REFUSED, Kind.KEY_MISSING):
        return "failed", [trouble], []
    return "ok", [], [trouble]


def _unlisted(backend: Backend, body: bytes) -> Iterator[Trouble]:
    """The configured models that its server does not list. Some servers take any name, or list something else."""
    if not backend.config.models or backend.provider.answers_alias or backend.config.deployments:
        return
    listed = {info.id for info in PROVIDERS[backend.config.type].read_models(body)}
    for name, upstream in backend.models.items():
        if upstream not in listed:
            yield Trouble(Kind.UNLISTED_MODEL, "its list of models does not hold", name)


def _refused_keys(answers: Sequence[_Answer], best: _Answer) -> Iterator[Trouble]:
    """The keys that are refused while another is accepted."""
    for number, answer in enumerate(answers, 1):
        if best.status == 200 and answer.trouble is not None and answer.trouble.kind == Kind.KEY_REFUSED:
            yield replace(answer.trouble, subject=f"key {number} of {len(answers)}")
