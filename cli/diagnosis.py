"""What the doctor finds, as data: the configuration, what is around it, the backends, and what is wrong of all that."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import trio

from continuum.config import client_keys
from continuum.config.files import sought
from continuum.errors import ConfigError
from continuum.runtime import set_up
from continuum.version import VERSION

from .examining import as_json, examine
from .progress import with_progress
from .setting_up import choice, doubts
from .shapes import config_fault
from .surroundings import embedded_model, loopback, storage, variables

if TYPE_CHECKING:
    from continuum.errors import ConfigProblem
    from continuum.runtime import Setup

    from .options import Options
    from .progress import Progress
    from .shapes import Embedded, Examined, Place, Problem, Report, Server, Storage

__all__ = ["diagnose"]

_NOTHING_FOUND = (
    "set a provider's key, start a model server on this machine, or write a file: continuum config init; "
    "--local uses the embedded model"
)


def diagnose(options: Options, patience: float) -> Report:
    """Everything the doctor has to say. patience: seconds that each backend gets for an answer."""
    setup, faults = _configuration(options)
    try:
        servers, backends = trio.run(with_progress, "looking around", partial(_look, setup, patience))
    except ConfigError as error:  # certificates are read when connections are about to be made
        setup, faults = None, [*faults, *error.problems]
        servers, backends = trio.run(with_progress, "looking around", partial(_look, None, patience))
    places: list[Place] = [
        {"place": place, "found": found} for place, found in sought(options.config, os.environ, Path.cwd())
    ]
    file = next((each["place"] for each in places if each["found"]), None)
    folder, model = storage(setup.config if setup else None, os.environ), embedded_model(os.environ)
    problems = [*_of_backends(setup, backends), *_of_machine(setup, folder, model)]
    return {
        "verdict": "bad_configuration" if faults else "wrong" if problems else "fine",
        "version": VERSION,
        "configuration": {
            "file": file,
            "sought": places,
            "problems": [config_fault(each) for each in faults],
            "warnings": [config_fault(each) for each in doubts(setup)] if setup else [],
        },
        "environment": list(variables(os.environ, file)),
        "loopback": servers,
        "embedded_model": model,
        "storage": folder,
        "backends": backends,
        "problems": problems,
        "notes": list(_said(backends, "notes")),
    }


def _configuration(options: Options) -> tuple[Setup | None, Sequence[ConfigProblem]]:
    try:
        setup = set_up(choice(options))
        client_keys(setup.config.api_keys)
    except ConfigError as error:
        return None, error.problems
    return setup, ()


async def _look(setup: Setup | None, patience: float, progress: Progress) -> tuple[list[Server], list[Examined]]:
    servers = await loopback()
    if setup is None:
        return servers, []
    examination = await examine(setup, progress, patience=patience)
    return servers, [as_json(each) for each in examination.seen]


def _said(backends: Sequence[Examined], which: Literal["problems", "notes"]) -> Iterator[Problem]:
    for each in backends:
        for finding in each[which]:
            yield {"where": f"backend {each['name']}", "what": finding["what"], "mend": finding["mend"]}


def _of_backends(setup: Setup | None, backends: Sequence[Examined]) -> Iterator[Problem]:
    if setup is None:
        return
    if all(each["state"] == "disabled" for each in backends):
        what = "there is none, or none is enabled" if backends else "there is none"
        mend = _NOTHING_FOUND if setup.file is None else "write one under backends, or set enabled: true"
        yield {"where": "backends", "what": what, "mend": mend}
    yield from _said(backends, "problems")


def _of_machine(setup: Setup | None, folder: Storage, model: Embedded) -> Iterator[Problem]:
    if setup is not None and setup.embedded and not model["usable"]:
        yield {"where": "embedded model", "what": "it cannot run here", "mend": model["what"]}
    if not folder["writable"]:
        mend = "let this user write there, or name another folder in storage.dir"
        yield {"where": folder["dir"], "what": "cannot be written", "mend": mend}
