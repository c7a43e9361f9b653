"""The JSON that commands print for programs. Keys are added, never renamed or taken away. docs/cli.md shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from continuum.errors import ConfigProblem

__all__ = [
    "AliasedModel",
    "BackendEntry",
    "Backends",
    "Checked",
    "ConfigFault",
    "ConfigFinding",
    "Embedded",
    "Examined",
    "Failure",
    "Finding",
    "LiveState",
    "Models",
    "Place",
    "Probes",
    "Problem",
    "Report",
    "Server",
    "Storage",
    "Variable",
    "config_fault",
]


class ConfigFault(TypedDict):
    """A fault or a warning. file: where it stands, or which variable or option; line: null where unknown."""

    file: str
    line: int | None
    key: str
    rule: str


def config_fault(problem: ConfigProblem) -> ConfigFault:
    """A fault or a warning in its shape."""
    return {"file": problem.file, "line": problem.line, "key": problem.key, "rule": problem.rule}


class Checked(TypedDict):
    """`config check`. file: null without one. ok is false exactly when the exit status is 2."""

    ok: bool
    file: str | None
    backends: int
    problems: list[ConfigFault]
    warnings: list[ConfigFault]


class LiveState(TypedDict):
    """A backend as the running router sees it. ejected: why it is left out (unhealthy, warming_up or circuit_open), and
    tried_in: seconds until it is tried next; both null while it is not.
    """

    health: str
    circuit: str
    consecutive_failures: int
    in_flight: int
    ejected: str | None
    tried_in: float | None


class BackendEntry(TypedDict):
    """One configured backend. models: null where the server is asked; keys: how many there are; live: null where no
    router runs, or not with this backend.
    """

    name: str
    type: str
    url: str
    enabled: bool
    managed: bool
    models: list[str] | None
    keys: int
    weight: int
    live: LiveState | None


class Backends(TypedDict):
    """`backends list`. router: the URL of the router that was asked, null where none runs."""

    router: str | None
    backends: list[BackendEntry]


class Finding(TypedDict):
    """Something to know about a backend. kind: a word that stays; what and mend: for people, and may change."""

    kind: str
    what: str
    mend: str


class Examined(TypedDict):
    """What one backend answered. state: ok, warming_up, failed, stopped (managed, not in use) or disabled.
    provider: what its type says, or what it was found to be. seconds: until its list of models was here.
    """

    name: str
    type: str
    provider: str
    url: str
    state: str
    seconds: float | None
    models: list[str]
    problems: list[Finding]
    notes: list[Finding]


class Probes(TypedDict):
    """`backends probe`. ok is false exactly when the exit status is 1."""

    ok: bool
    backends: list[Examined]


class AliasedModel(TypedDict):
    """One model. alias_of: the model it stands for, null for a real one; context_window in tokens, where known."""

    id: str
    backends: list[str]
    alias_of: str | None
    context_window: int | None


class Failure(TypedDict):
    """A backend whose models are not known."""

    backend: str
    what: str
    mend: str


class Models(TypedDict):
    """`models`. default: the model for those who name none."""

    default: str | None
    models: list[AliasedModel]
    failed: list[Failure]


class Place(TypedDict):
    """Where a configuration file was sought, first to last; the first that is found counts."""

    place: str
    found: bool


class ConfigFinding(TypedDict):
    """The configuration as the doctor sees it."""

    file: str | None
    sought: list[Place]
    problems: list[ConfigFault]
    warnings: list[ConfigFault]


class Variable(TypedDict):
    """A variable of the environment that says something to Continuum. Its value is never shown."""

    name: str
    set: bool
    what: str


class Server(TypedDict):
    """A place on this machine where model servers are usually found. found: something answers as one."""

    name: str
    url: str
    found: bool
    what: str


class Embedded(TypedDict):
    """The embedded demonstration model. usable: it can run on this machine; fetched: its file is here."""

    model: str
    usable: bool
    fetched: bool
    what: str


class Storage(TypedDict):
    """The folder for what must outlive the process."""

    dir: str
    writable: bool


class Problem(TypedDict):
    """Something that is wrong, and how to mend it. where: a backend's name, a key, a folder."""

    where: str
    what: str
    mend: str


class Report(TypedDict):
    """`doctor`. verdict: fine (exit status 0), wrong (1) or bad_configuration (2)."""

    verdict: str
    version: str
    configuration: ConfigFinding
    environment: list[Variable]
    loopback: list[Server]
    embedded_model: Embedded
    storage: Storage
    backends: list[Examined]
    problems: list[Problem]
    notes: list[Problem]
