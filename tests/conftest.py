"""What every test stands on: the checkout is not importable by accident, and CI lets nothing be skipped."""

import inspect
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Generator
from functools import partial
from pathlib import Path

import installed as installed_wheel
import pytest
import trio
from hypothesis import HealthCheck, settings
from patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[1]

# `python -m pytest` puts the checkout's root on sys.path; there our acp/ would shadow the official SDK of that name.
sys.path[:] = [entry for entry in sys.path if Path(entry or Path.cwd()).resolve() != ROOT]

# Set by .ci/run, which installs everything the markers of pyproject.toml speak of.
NOTHING_IS_OPTIONAL = os.environ.get("CONTINUUM_CI") == "1"

ASYNC_TEST_TIMEOUT_S = {"default": 3 * PATIENCE_S, "long": 600}

# Time limits only measure the neighbours of a shared machine. In CI the examples are the same at every run: what lands
# is not to wait for luck. New ones are looked for by everybody who runs the tests, and by .ci/long, whose profile is
# `--hypothesis-profile=long`.
settings.register_profile("timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", settings.get_profile("timeless"), derandomize=NOTHING_IS_OPTIONAL)
settings.register_profile("long", settings.get_profile("timeless"), max_examples=1_000)
settings.load_profile("default")


@pytest.fixture(scope="session", autouse=True)
def _state_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What processes under test keep stays out of the home of whoever runs them."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The checkout's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def continuum_command() -> str:
    """The installed console script, which is what clients launch."""
    return str(Path(sysconfig.get_path("scripts")) / "continuum")


@pytest.fixture(scope="session")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    return installed_wheel.build(checkout, tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of an environment that holds the wheel."""
    return installed_wheel.install(wheel, tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="session")
def node(checkout: Path) -> str:
    """Node 22 or later beside the installed packages of tests/node; see scripts/lib.sh for where it is looked for."""
    if not (checkout / "tests/node/node_modules/openai").is_dir():
        pytest.skip("the packages of tests/node are not installed (npm ci)")
    for candidate in (os.environ.get("CONTINUUM_NODE"), str(checkout / ".venv-node/bin/node"), "node"):
        path = shutil.which(candidate) if candidate else None
        if path is None:
            continue
        asked = [path, "-p", "process.versions.node + ' ' + process.execPath"]  # what is on the PATH may be a launcher
        version, _, program = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.partition(" ")
        if program and int(version.partition(".")[0]) >= 22:
            return program.strip()
    pytest.skip("Node 22 or later is not installed")


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests under trio, bounded."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    test = partial(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in wanted})

    async def bounded() -> None:
        with trio.fail_after(ASYNC_TEST_TIMEOUT_S[settings.get_current_profile_name()]):
            await test()

    trio.run(bounded)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: a missing Node or model must not pass for a tested one."""
    report = yield
    if NOTHING_IS_OPTIONAL and report.skipped and not hasattr(report, "wasxfail"):
        reason = call.excinfo.value if call.excinfo else "no reason given"
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI skips nothing: {reason}"
    return report
