"""Files that are watched: every way in which they become others is told, and nothing else is."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from patience import PATIENCE_S

from continuum.config.watch import watch


@asynccontextmanager
async def watched(*files: Path) -> AsyncGenerator[trio.MemoryReceiveChannel[set[Path]]]:
    """What is told, after the first time, when all are."""
    send, told = trio.open_memory_channel[set[Path]](0)
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, lambda: files, send.send)
            assert await told.receive() == {file for file in files if file.exists()}
            yield told
            nursery.cancel_scope.cancel()


async def test_a_file_in_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here.yaml", tmp_path / "later" / "c.yaml"
    here.write_text("1")
    async with watched(here, elsewhere) as told:
        elsewhere.parent.mkdir()
        elsewhere.write_text("1")
        assert await told.receive() == {elsewhere}
        elsewhere.write_text("22")
        assert await told.receive() == {elsewhere}
        elsewhere.unlink()
        assert await told.receive() == {elsewhere}


async def test_a_folder_that_another_takes_the_place_of(tmp_path: Path) -> None:
    folder, other = tmp_path / "conf", tmp_path / "other"
    for each in (folder, other):
        each.mkdir()
        (each / "c.yaml").write_text("1")
    file = folder / "c.yaml"
    async with watched(file) as told:
        folder.rename(tmp_path / "aside")
        other.rename(folder)
        while await told.receive() != {file} or not file.exists():
            pass
        file.write_text("22")
        assert await told.receive() == {file}


async def test_what_lies_beside_is_not_told(tmp_path: Path) -> None:
    file, beside = tmp_path / "c.yaml", tmp_path / "beside.log"
    file.write_text("1")
    async with watched(file) as told:
        for number in range(20):
            beside.write_text(str(number))
        file.write_text("22")
        assert await told.receive() == {file}
        with trio.move_on_after(0.7) as waited:  # longer than it takes to look again
            await told.receive()
        assert waited.cancelled_caught
