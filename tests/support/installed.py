"""The wheel, built and installed as users get it.

By default its environment borrows the tests' dependencies. .ci/run sets CONTINUUM_WHEEL_VENV to one where pip installed
the wheel and what its metadata asks for.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

__all__ = ["build", "install"]

SECONDS = 120
BUILD = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "--no-cache-dir"]


def build(checkout: Path, copy: Path, out: Path) -> Path:
    """The wheel, built from a copy of the committed tree's folders: setuptools leaves a build/ where it works."""
    ignore = ("tests", "node_modules", "docs", "benchmarks", "examples", "requirements", "dist", "build")
    for name in sorted(path.name for path in checkout.iterdir() if path.name not in ignore and path.name[0] != "."):
        (copy / name).symlink_to(checkout / name)
    subprocess.run([*BUILD, "--wheel-dir", str(out), str(copy)], check=True, timeout=SECONDS)
    (found,) = out.glob("*.whl")
    return found


def install(wheel: Path, folder: Path) -> Path:
    """The scripts folder of an environment that holds the wheel."""
    if given := os.environ.get("CONTINUUM_WHEEL_VENV"):
        return Path(given) / "bin"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    # A .pth inside a folder that a .pth names is not read: the checkout's editable install stays invisible.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-qq", "--no-deps", "--ignore-installed"]
    subprocess.run([*pip, str(wheel)], check=True, timeout=SECONDS)
    return folder / "bin"
