"""From text, variables and options to a Config: every fault of all of them at once."""

from collections.abc import Iterable, Mapping
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from continuum.config.codec import Document, read
from continuum.config.expansion import expand
from continuum.config.faults import Fault, faults_of
from continuum.config.model import SECTIONS, Config
from continuum.config.overlay import COMMAND_LINE, Overlay, lay
from continuum.config.plain import is_mapping
from continuum.config.section import Path
from continuum.errors import ConfigError, ConfigProblem

_ROOT_STRATEGY: Path = ("selection_strategy",)
_STRATEGY: Path = ("routing", "selection_strategy")


def load(path: File, *, environ: Mapping[str, str], overlay: Mapping[str, object] | None = None) -> Config:
    """Read a configuration file, expand `${VAR}` from `environ`, lay `overlay` over it, and validate the whole.

    Raises ConfigError with every fault at once; ParseError when the text is not YAML, TOML or JSON at all.
    """
    return _build(read(path), environ, overlay or {})


def from_mapping(data: Mapping[str, object], *, overlay: Mapping[str, object] | None = None) -> Config:
    """Validate plain data; `${VAR}` in it is plain text. Raises ConfigError with every fault at once."""
    return _build(Document(dict(data)), None, overlay or {})


def _build(document: Document, environ: Mapping[str, str] | None, overlay: Mapping[str, object]) -> Config:
    written = _tidied(document.data)
    given, faults = written, list[Fault]()
    if environ is not None:
        given, missing = expand(Config, written, environ)
        faults = [Fault(each.path, each.rule) for each in missing]
    unknown_there = {fault.path for fault in faults}
    try:
        config = Config.model_validate(lay(given, _tidied(overlay)))
    except ValidationError as error:
        found = faults_of(error, Config, lay(written, _tidied(overlay)))
        faults += [fault for fault in found if fault.path not in unknown_there]
    else:
        if not faults:
            return config
    raise ConfigError(_problems(faults, document, overlay))


def _tidied(data: Mapping[str, Any]) -> dict[str, Any]:
    """Sections without a body are as good as absent; the short root key is put where it belongs."""
    tidied = {key: value for key, value in data.items() if value is not None or key not in SECTIONS}
    routing = tidied.get("routing", {})
    if _ROOT_STRATEGY[0] in tidied and is_mapping(routing):
        tidied["routing"] = {_STRATEGY[1]: tidied.pop(_ROOT_STRATEGY[0]), **routing}
    return tidied


def _problems(faults: Iterable[Fault], document: Document, overlay: Mapping[str, object]) -> list[ConfigProblem]:
    """The faults with the places they come from: the file's by line, then the others."""
    problems = list[ConfigProblem]()
    for fault in faults:
        key = ".".join(map(str, fault.path))
        origin = _origin(fault.path, overlay)
        if origin is None:
            line = document.line(fault.path) or (document.line(_ROOT_STRATEGY) if fault.path == _STRATEGY else None)
            problems.append(ConfigProblem(str(fault), key, document.file, line))
        else:
            problems.append(ConfigProblem(str(fault), key, origin))
    return sorted(problems, key=lambda each: (each.file != document.file, each.line or 0))


def _origin(path: Path, overlay: Mapping[str, object]) -> str | None:
    """Which variable or option gave the value at `path`; None where the file did, or nobody."""
    value: Any = overlay
    for length, part in enumerate(path):
        if isinstance(overlay, Overlay) and path[:length] in overlay.origins:
            return overlay.origins[path[:length]]
        if not is_mapping(value) or part not in value:
            return None
        value = value[part]
    return overlay.origins.get(path, COMMAND_LINE) if isinstance(overlay, Overlay) else COMMAND_LINE
