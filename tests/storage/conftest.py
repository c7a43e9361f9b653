"""Files that no store can open."""

from collections.abc import Generator
from pathlib import Path

import pytest
from stores import UNFIT, Unfit


@pytest.fixture(params=UNFIT)
def unfit(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Unfit]:
    """One of them, which is left as it is."""
    make, told = UNFIT[request.param]
    path = tmp_path / "store.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    yield Unfit(path, told)
    assert (path.read_bytes() if path.is_file() else b"") == before
