"""Which configuration a process runs with, and when the machine is looked at at all."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from continuum.backends import local
from continuum.config import overlay
from continuum.errors import ConfigError
from continuum.runtime import Choice, Discovery, set_up
from continuum.runtime.discover import Finding, FoundBackend

FOUND = Discovery(
    (FoundBackend({"name": "openai", "type": "openai", "api_key": "k"}, {"api_key": "OPENAI_API_KEY"}),),
    (Finding("OPENAI_API_KEY", "backend openai"),),
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Machine:
    """Gives what it is told to have been found, and counts."""

    def __init__(self, discovery: Discovery = FOUND) -> None:
        self.discovery = discovery
        self.looks = 0

    async def look(self, environ: Mapping[str, str]) -> Discovery:
        assert "CONTINUUM_CONFIG" not in environ
        await trio.lowlevel.checkpoint()
        self.looks += 1
        return self.discovery


def test_without_a_file_the_machine_is_looked_at() -> None:
    machine = Machine()
    given = overlay.from_sets(["server.workers=2"])
    setup = set_up(Choice({"OPENAI_API_KEY": "k"}, overlay=given), look=machine.look)
    assert [backend.name for backend in setup.config.backends] == ["openai"]
    assert (setup.file, setup.embedded, setup.discovery) == (None, False, FOUND)
    assert setup.config.server.workers == 2
    assert machine.looks == 1


def test_a_file_is_enough() -> None:
    Path("continuum.yaml").write_text("backends: []\n", encoding="utf-8")
    machine = Machine()
    setup = set_up(Choice({}), look=machine.look)
    assert (setup.config.backends, setup.file, setup.discovery, machine.looks) == ([], Path("continuum.yaml"), None, 0)


def test_backends_that_are_given_are_enough() -> None:
    """Laid over what was found, one value could send a key to another backend's URL."""
    machine = Machine()
    given = overlay.from_environ({"CONTINUUM_BACKENDS__0__URL": "http://h", "CONTINUUM_BACKENDS__0__NAME": "mine"})
    setup = set_up(Choice({"OPENAI_API_KEY": "k"}, overlay=given), look=machine.look)
    assert [(each.name, each.api_key) for each in setup.config.backends] == [("mine", None)]
    assert machine.looks == 0


def test_local_is_enough() -> None:
    machine = Machine()
    setup = set_up(Choice({"OPENAI_API_KEY": "k"}, local=True), look=machine.look)
    assert [backend.name for backend in setup.config.backends] == ["local"]
    assert (setup.embedded, setup.discovery, machine.looks) == (True, None, 0)


def test_nothing_at_all_is_legal() -> None:
    nothing = Discovery((), (Finding("embedded model", "not installed"),))
    setup = set_up(Choice({}), look=Machine(nothing).look)
    assert (setup.config.backends, setup.embedded) == ([], False)


def test_the_embedded_model_where_nothing_else_is() -> None:
    setup = set_up(Choice({}), look=Machine(Discovery((), (), embedded=True)).look)
    assert setup.embedded
    assert setup.config.routing.default_model == local.MODEL_ID


def test_faults_are_told_with_their_origin() -> None:
    with pytest.raises(ConfigError, match=r"^--set: server\.workers: must be a whole number"):
        set_up(Choice({}, overlay=overlay.from_sets(["server.workers=x"])), look=Machine().look)
