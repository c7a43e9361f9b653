"""Where the configuration file is. Standard library only: this runs before anything else is imported."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from continuum.errors import ConfigError, ConfigProblem

VARIABLE = "CONTINUUM_CONFIG"
SUFFIXES = (".yaml", ".yml", ".toml")


def find(explicit: str | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The file to read, or None where there is none (which is legal).

    `explicit` is what the command line named; it and $CONTINUUM_CONFIG must exist: ConfigError when they do not.
    Relative names are taken from `cwd`.
    """
    if explicit is not None:
        return _existing(explicit, cwd, "no such file")
    if environ.get(VARIABLE):
        return _existing(environ[VARIABLE], cwd, f"no such file (named by ${VARIABLE})")
    return next((_short(path, cwd) for path in _candidates(environ, cwd) if _is_file(path)), None)


def sought(explicit: str | None, environ: Mapping[str, str], cwd: Path) -> list[tuple[str, bool]]:
    """Every place in the order in which `find` looks, and whether a file is there. Where one is named, only that."""
    if explicit is not None:
        return [(explicit, _is_file(cwd / explicit))]
    if environ.get(VARIABLE):
        return [(f"{environ[VARIABLE]} (${VARIABLE})", _is_file(cwd / environ[VARIABLE]))]
    return [(str(_short(path, cwd)), _is_file(path)) for path in _candidates(environ, cwd)]


def _existing(named: str, cwd: Path, rule: str) -> Path:
    path = cwd / named
    try:
        there = path.exists()
    except OSError:
        there = True  # it may be: reading it says what is wrong
    if not there:
        raise ConfigError([ConfigProblem(rule, file=named)])
    return path if Path(named).is_absolute() else _short(path, cwd)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _short(path: Path, cwd: Path) -> Path:
    """The path as people write it where that names the same file: relative when `cwd` is the process's own."""
    return path.relative_to(cwd) if cwd == Path.cwd() and path.is_relative_to(cwd) else path


def _candidates(environ: Mapping[str, str], cwd: Path) -> Iterator[Path]:
    stems = [cwd / "continuum", cwd / "config", Path("/etc/continuum/config")]
    user = environ.get("XDG_CONFIG_HOME", "")
    if Path(user).is_absolute():
        stems.insert(2, Path(user) / "continuum" / "config")
    elif Path(environ.get("HOME", "")).is_absolute():
        stems.insert(2, Path(environ["HOME"]) / ".config" / "continuum" / "config")
    for stem in stems:
        for suffix in SUFFIXES:
            yield stem.with_name(stem.name + suffix)
