"""The check-up of a configuration's backends, in the words and shapes the commands share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from continuum.backends.checkup import check_up
from continuum.backends.pool import open_pool

from .mends import Named, advice
from .output import Cell, Table, Tone

if TYPE_CHECKING:
    from continuum.backends.catalog import Catalog
    from continuum.backends.checkup import Checkup, Trouble
    from continuum.config import BackendConfig
    from continuum.runtime import Setup

    from .progress import Progress
    from .shapes import Examined, Finding

__all__ = ["Examination", "Seen", "as_json", "examine", "overview", "states"]

_TONES: dict[str, Tone] = {"ok": "good", "warming_up": "odd", "failed": "bad"}
_WORDS = {"warming_up": "warming up", "stopped": "on demand"}


class Seen(NamedTuple):
    """A backend, what came of looking at it, and the models it serves."""

    backend: BackendConfig
    named: Named
    checkup: Checkup
    models: list[str]


@dataclass(frozen=True, slots=True)
class Examination:
    """What came of looking at several, and the catalog as it is after that."""

    seen: list[Seen]
    catalog: Catalog


async def examine(
    setup: Setup, progress: Progress, *, patience: float, names: Collection[str] | None = None, start: bool = False
) -> Examination:
    """Look at the backends, all at once. patience: seconds for each answer. Raises ConfigError for certificates that
    cannot be used.
    """
    config = setup.config
    waiting = [each.name for each in config.backends if names is None or each.name in names]

    def tell(name: str | None = None) -> None:
        if name is not None:
            waiting.remove(name)
        progress.doing = f"asking {', '.join(waiting)}"

    tell()
    async with open_pool(config, watched=False) as pool:
        checkups = await check_up(pool, config.health_checks, patience=patience, names=names, start=start, told=tell)
        by_name = {backend.name: backend for backend in pool.backends}
        seen = [
            Seen(by_name[each.name].config, _named(setup, each.name), each, list(by_name[each.name].models))
            for each in checkups
        ]
        return Examination(seen, pool.catalog)


def _named(setup: Setup, name: str) -> Named:
    """What a backend's keys are called: it may come from variables, not from a file."""
    found = setup.discovery.backends if setup.discovery is not None else ()
    nothing: Mapping[str, str] = {}
    variables = next((each.variables for each in found if each.name == name), nothing)
    return Named(**{key: variables[key] for key in Named._fields if key in variables})


def as_json(seen: Seen) -> Examined:
    """As --json shows it."""
    checkup = seen.checkup
    return {
        "name": checkup.name,
        "type": seen.backend.type,
        "provider": checkup.provider,
        "url": seen.backend.base,
        "state": checkup.state,
        "seconds": None if checkup.seconds is None else round(checkup.seconds, 3),
        "models": seen.models,
        "problems": [_finding(each, seen) for each in checkup.troubles],
        "notes": [_finding(each, seen) for each in checkup.notes],
    }


def _finding(trouble: Trouble, seen: Seen) -> Finding:
    what, mend = advice(trouble, seen.named)
    if seen.backend.proxy is not None:
        what, mend = f"{what}, through its proxy", f"{mend}, or its proxy"
    return {"kind": str(trouble.kind), "what": what, "mend": mend}


def states(examined: Sequence[Examined]) -> Iterable[Table]:
    """A table of all, and one of what is to be said of some."""
    yield overview(examined)
    said = [row for each in examined for row in (*_said(each, "problems", "bad"), *_said(each, "notes", "odd"))]
    if said:
        yield Table(said, ("backend", "what was seen", "how to mend it"))


def overview(examined: Sequence[Examined], title: str = "") -> Table:
    """A row for each."""
    return Table([_row(each) for each in examined], ("name", "type", "state", "models", "time", "url"), title)


def _said(each: Examined, which: Literal["problems", "notes"], tone: Tone) -> Iterator[Sequence[Cell | str]]:
    for finding in each[which]:
        yield Cell(each["name"], "strong"), Cell(finding["what"], tone), finding["mend"]


def _row(each: Examined) -> Sequence[Cell | str]:
    answered = "" if each["seconds"] is None else f"{each['seconds'] * 1000:.0f} ms"
    known = each["models"] or each["state"] == "ok"
    state = Cell(_WORDS.get(each["state"], each["state"]), _TONES.get(each["state"], "dim"))
    models = str(len(each["models"])) if known else "-"
    return (Cell(each["name"], "strong"), each["provider"], state, models, answered, Cell(each["url"], "dim"))
