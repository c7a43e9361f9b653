"""`continuum doctor`: what was found, what each backend answers, what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from continuum.config import Logging
from continuum.runtime import log

from .choosing import chooses_configuration, patience
from .diagnosis import diagnose
from .examining import overview
from .output import Cell, Table, Tone, print_json, show

if TYPE_CHECKING:
    from .options import Options
    from .shapes import ConfigFault, Problem, Report

__all__ = ["doctor"]

_EXIT = {"fine": 0, "wrong": 1, "bad_configuration": 2}


@click.command()
@patience
@click.option("--json", "as_json", is_flag=True, help="JSON for programs.")
@chooses_configuration
def doctor(options: Options, *, timeout: float, as_json: bool) -> None:
    """Say what was found, what each backend answers, what is wrong, and how to mend it.

    Exit status 0: fine. 1: something is wrong. 2: the configuration cannot be used.
    """
    log.configure(Logging(level="error"))
    report = diagnose(options, timeout)
    if as_json:
        print_json(report)
    else:
        show(*_tables(report))
        _conclude(report)
    raise click.exceptions.Exit(_EXIT[report["verdict"]])


def _tables(report: Report) -> Iterator[Table]:
    yield Table(list(_configuration(report)), title="Configuration")
    yield Table(list(_environment(report)), title="Environment")
    yield Table(list(_machine(report)), title="This machine")
    if report["backends"]:
        yield overview(report["backends"], "Backends")
    if report["notes"]:
        yield Table(list(_said(report["notes"], "odd")), title="Notes")
    if report["problems"]:
        yield Table(list(_said(report["problems"], "bad")), title="What is wrong")


def _configuration(report: Report) -> Iterator[tuple[Cell | str, ...]]:
    found = report["configuration"]
    if found["file"] is not None:
        yield "file", Cell(found["file"], "strong")
    else:
        yield "file", Cell("none: what this machine has is used", "odd")
        yield "sought", Cell(", ".join(each["place"] for each in found["sought"]), "dim")
    for fault in found["problems"]:
        yield "fault", Cell(_line(fault), "bad")
    for fault in found["warnings"]:
        yield "warning", Cell(_line(fault), "odd")


def _line(fault: ConfigFault) -> str:
    place = fault["file"] if fault["line"] is None else f"{fault['file']}:{fault['line']}"
    return ": ".join(part for part in (place, fault["key"], fault["rule"]) if part)


def _environment(report: Report) -> Iterator[tuple[Cell | str, ...]]:
    unset = [each["name"] for each in report["environment"] if not each["set"]]
    for each in report["environment"]:
        if each["set"]:
            yield each["name"], each["what"]
    if unset:
        yield "not set", Cell(", ".join(unset), "dim")


def _machine(report: Report) -> Iterator[tuple[Cell | str, ...]]:
    for each in report["loopback"]:
        yield each["name"], each["url"], Cell(each["what"], "good" if each["found"] else "dim")
    model, storage = report["embedded_model"], report["storage"]
    yield "embedded model", model["model"], Cell(model["what"], "" if model["usable"] else "dim")
    yield (
        "storage",
        storage["dir"],
        Cell("can be written", "") if storage["writable"] else Cell("cannot be written", "bad"),
    )


def _said(problems: list[Problem], tone: Tone) -> Iterator[tuple[Cell | str, ...]]:
    for each in problems:
        yield Cell(each["where"], "strong"), Cell(each["what"], tone)
        if each["mend"]:
            yield "", f"-> {each['mend']}"


def _conclude(report: Report) -> None:
    count = len(report["problems"])
    verdicts = {
        "fine": "nothing is wrong",
        "wrong": f"{count} {'thing is' if count == 1 else 'things are'} wrong",
        "bad_configuration": "the configuration cannot be used",
    }
    click.echo(f"\n{verdicts[report['verdict']]}")
