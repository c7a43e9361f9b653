"""From text, variables and options to a Config: every fault of all of them at once."""

from collections.abc import Iterable, Mapping
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from continuum.config.codec import Document, read
from continuum.config.expansion import as_written, expand, stored_form
from continuum.config.faults import Fault, faults_of
from continuum.config.model import SECTIONS, Config
from continuum.config.overlay import Overlay, lay, merge
from continuum.config.plain import is_mapping
from continuum.config.section import Path
from continuum.errors import ConfigError, ConfigProblem

_ROOT_STRATEGY: Path = ("selection_strategy",)
_STRATEGY: Path = ("routing", "selection_strategy")
_MOST_PROBLEMS = 100


def load(path: File, *, environ: Mapping[str, str], overlay: Mapping[str, object] | None = None) -> Config:
    """Read a configuration file, expand `${VAR}` from `environ`, lay `overlay` over it, and validate the whole.

    Raises ConfigError with every fault at once; ParseError when the text is not YAML, TOML or JSON at all.
    """
    document = read(path)
    return build(sections_of(document), environ, overlay=overlay, document=document)


def from_mapping(data: Mapping[str, object], *, overlay: Mapping[str, object] | None = None) -> Config:
    """Validate plain data; `${VAR}` in it is plain text. Raises ConfigError with every fault at once."""
    return build(tidied(data), {}, overlay=overlay)


def sections_of(document: Document) -> dict[str, Any]:
    """What a file says in stored form, each section by its name, and the root keys beside them."""
    return tidied(stored_form(document.data))


def build(
    stored: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    overlay: Mapping[str, object] | None = None,
    document: Document | None = None,
) -> Config:
    """Validate a configuration in stored form (expansion.Reference), its references expanded and `overlay` laid over
    it. document: the file it is from, whose places the faults name. Raises ConfigError with every fault at once.
    """
    layer = merge(overlay or {})
    written = as_written(stored)
    given, missing = expand(Config, stored, environ)
    faults = [Fault(each.path, each.rule) for each in missing]
    unknown_there = {fault.path for fault in faults}
    try:
        config = Config.model_validate(lay(given, tidied(layer)))
    except ValidationError as error:
        found = faults_of(error, Config, lay(written, tidied(layer)))
        faults += [fault for fault in found if fault.path not in unknown_there]
    else:
        if not faults:
            return config
    raise ConfigError(_problems(faults, document or Document(dict(written)), layer))


def tidied(data: Mapping[str, Any]) -> dict[str, Any]:
    """Sections without a body are as good as absent; the short root key is put where it belongs."""
    tidied = {key: value for key, value in data.items() if value is not None or key not in SECTIONS}
    routing = tidied.get("routing", {})
    if _ROOT_STRATEGY[0] in tidied and is_mapping(routing):
        tidied["routing"] = {_STRATEGY[1]: tidied.pop(_ROOT_STRATEGY[0]), **routing}
    return tidied


def _problems(faults: Iterable[Fault], document: Document, overlay: Overlay) -> list[ConfigProblem]:
    """The faults with the places they come from: the file's by line, then the others."""
    problems = list[ConfigProblem]()
    for fault in faults:
        where = _written_at(fault.path, document, overlay)
        origin = _origin(where, document, overlay)
        if origin is None:
            line = document.line(where)
            problems.append(fault.at(document.file, line))
        else:
            problems.append(fault.at(origin))
    problems.sort(key=lambda each: (each.file != document.file, each.line or 0))
    if len(problems) > _MOST_PROBLEMS:
        rest = ConfigProblem(f"and {len(problems) - _MOST_PROBLEMS} more faults", file=document.file)
        return [*problems[:_MOST_PROBLEMS], rest]
    return problems


def _written_at(path: Path, document: Document, overlay: Overlay) -> Path:
    """Where the value at `path` was written: only the short root key moves."""
    moved = path == _STRATEGY and not overlay.origin(path) and not document.holds(path)
    return _ROOT_STRATEGY if moved else path


def _origin(path: Path, document: Document, overlay: Overlay) -> str | None:
    """Which variable or option gave the value at `path`, or made it wanted; None where the file did, or nobody."""
    origin = overlay.origin(path) or overlay.origin_below(path)
    for length in range(len(path), 0, -1):
        if origin or document.holds(path[:length]):
            break
        origin = overlay.origin_below(path[:length])
    return origin
