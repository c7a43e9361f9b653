"""What every test stands on: the checkout is not importable by accident, and CI lets nothing be skipped."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# `python -m pytest` puts the checkout's root on sys.path; there our acp/ would shadow the official SDK of that name.
sys.path[:] = [entry for entry in sys.path if Path(entry or Path.cwd()).resolve() != ROOT]

# Set by .ci/run, which installs everything the markers of pyproject.toml speak of.
NOTHING_IS_OPTIONAL = os.environ.get("CONTINUUM_CI") == "1"


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The checkout's root folder."""
    return ROOT


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None]:  # the generator's return value is the report
    """In CI a skipped test is a failed one: a missing Node or model must not pass for a tested one."""
    report: pytest.TestReport = yield  # type: ignore[misc, assignment]
    if NOTHING_IS_OPTIONAL and report.skipped and not hasattr(report, "wasxfail"):
        reason = call.excinfo.value if call.excinfo else "no reason given"
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI skips nothing: {reason}"
    return report  # type: ignore[return-value]
