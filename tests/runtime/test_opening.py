"""What an instance that does not come to be leaves behind: nothing."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from continuum.config import open_file
from continuum.config.sections.api_keys import KeyTerms
from continuum.errors import ConfigError
from continuum.runtime import make_instance

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists what is open")


def opened(name: str) -> int:
    """How often this process has files of that name open. Of a database the log: SQLite keeps what it closes of the
    other file for as long as the process has it open elsewhere.
    """
    links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(link.readlink().name == name for link in links)


async def test_a_store_that_serves_another_router_is_not_left_open(tmp_path: Path) -> None:
    file = tmp_path / "continuum.yaml"
    file.write_text(f"storage: {{dir: {tmp_path / 'state'}}}\n")
    store = open_file(file, environ={})
    instance = await make_instance(store)
    with closing(instance):
        await instance.keys.add(KeyTerms())
        before = opened("keys.db-wal")
        assert before
        with pytest.raises(ConfigError, match="another router") as kept:
            await make_instance(store)
        assert opened("keys.db-wal") == before, kept
