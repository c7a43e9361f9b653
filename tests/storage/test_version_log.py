"""The append-only file: what was acknowledged is there, what was not is not."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.storage.process_lock import ProcessLock
from continuum.storage.version_log import VersionLog

LINES = st.binary(max_size=60).filter(lambda line: b"\n" not in line)


@given(before=st.lists(LINES, max_size=4), last=LINES, more=st.lists(LINES, max_size=3), data=st.data())
def test_wherever_a_write_is_torn_the_rest_is_there(
    tmp_path_factory: pytest.TempPathFactory, before: list[bytes], last: bytes, more: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "versions.log"
    VersionLog(path).append(before)
    whole = path.read_bytes()
    VersionLog(path).read()
    log = VersionLog(path)
    log.read()
    log.append([last])
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[: data.draw(st.integers(0, len(line) - 1))])
    torn = VersionLog(path)
    assert torn.read() == before
    torn.append(more)
    assert VersionLog(path).read() == [*before, *more]


@given(lines=st.lists(LINES, min_size=1, max_size=5), at=st.integers(0), bit=st.integers(0, 7))
def test_a_line_that_has_changed_is_not_believed(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], at: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "versions.log"
    VersionLog(path).append(lines)
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    path.write_bytes(content)
    found = VersionLog(path).read()
    assert len(found) < len(lines)
    assert all(line in lines for line in found)


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    log = VersionLog(tmp_path / "versions.log")
    log.append([b"one", b"two"])
    assert log.path.stat().st_mode & 0o777 == 0o600
    log.replace([b"two"])
    assert log.path.stat().st_mode & 0o777 == 0o600
    log.append([b"three"])
    assert VersionLog(log.path).read() == [b"two", b"three"]
    assert [file.name for file in tmp_path.iterdir()] == ["versions.log"]


def _within(limit: int) -> tuple[int, int]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    return before


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    log = VersionLog(tmp_path / "versions.log")
    log.append([b"one"])
    whole = log.path.read_bytes()
    before = _within(len(whole) + 10)
    try:
        with pytest.raises(OSError, match="too large") as refused:
            log.append([b"two" * 100])
        assert refused.value.errno == errno.EFBIG
        assert log.path.read_bytes() == whole
        with pytest.raises(OSError, match="too large"):
            log.replace([b"one" * 100])
        assert log.path.read_bytes() == whole
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.append([b"three"])
    assert VersionLog(log.path).read() == [b"one", b"three"]


def test_a_file_that_was_taken_away_is_made_anew(tmp_path: Path) -> None:
    log = VersionLog(tmp_path / "versions.log")
    log.append([b"one"])
    log.path.unlink()
    log.append([b"two"])
    assert VersionLog(log.path).read() == [b"two"]


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        ProcessLock(path).acquire()
        os.write(told, b".")
        signal.pause()
        os._exit(0)
    assert os.read(ready, 1)
    os.close(ready)
    os.close(told)
    lock = ProcessLock(path)
    try:
        assert not lock.acquire()
        assert lock.holder() == child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert lock.acquire()
    assert lock.holder() == os.getpid()
    lock.release()
