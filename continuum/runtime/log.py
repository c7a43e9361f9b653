"""Logging as configured: where lines go and how they look. The library never calls this; its host decides."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, TextIO

import msgspec

from continuum.errors import ConfigError, ConfigProblem
from continuum.redact import mask_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from continuum.config import Logging

__all__ = ["configure", "fields", "prepare"]

_LEVELS = {"trace": 5, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_NAMES = {5: "trace", logging.WARNING: "warn", logging.CRITICAL: "error"}
_ATTRIBUTE = "continuum_fields"


def fields(**values: object) -> dict[str, Mapping[str, object]]:
    """What to pass as `extra` so that a line carries these fields; None values are left out."""
    return {_ATTRIBUTE: {name: value for name, value in values.items() if value is not None}}


def _record_fields(record: logging.LogRecord) -> dict[str, object]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    level = _NAMES.get(record.levelno, record.levelname.lower())
    line: dict[str, object] = {"time": f"{stamp}.{int(record.msecs):03}Z", "level": level, "logger": record.name}
    line["message"] = mask_keys(record.getMessage())
    line.update(getattr(record, _ATTRIBUTE, {}))
    return line


class _Text(logging.Formatter):
    """`time level logger: message name=value …`, one line whatever the values hold."""

    def format(self, record: logging.LogRecord) -> str:
        line = _record_fields(record)
        head = f"{line.pop('time')} {line.pop('level'):5} {line.pop('logger')}: {_plain(line.pop('message'))}"
        text = " ".join([head, *(f"{name}={_plain(value)}" for name, value in line.items())])
        return text + _trace(self, record)


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = _record_fields(record)
        if record.exc_info:
            line["exception"] = mask_keys(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return "\n" + mask_keys(formatter.formatException(record.exc_info)) if record.exc_info else ""


def configure(section: Logging, stream: TextIO | None = None) -> None:
    """Send the `continuum` loggers to the configured file, else to `stream` (stderr), at the configured level.
    Raises ConfigError when the file cannot be written.
    """
    install, _ = prepare(section, stream)
    install()


def prepare(section: Logging, stream: TextIO | None = None) -> tuple[Callable[[], None], Callable[[], None]]:
    """What `configure` does, in two: the file is open, and the first of these sends the loggers there; the second
    closes it unused. Raises ConfigError when it cannot be written.
    """
    try:
        made = logging.FileHandler(section.file) if section.file else logging.StreamHandler(stream or sys.stderr)
    except OSError as fault:
        raise ConfigError([ConfigProblem(f"cannot be written: {fault.strerror}", "logging.file")]) from None
    made.setFormatter(_Json() if section.format == "json" else _Text())

    def install() -> None:
        root = logging.getLogger("continuum")
        for handler in list(root.handlers):
            root.removeHandler(handler)
            handler.close()
        root.addHandler(made)
        root.setLevel(_LEVELS[section.level])
        root.propagate = False
        logging.getLogger("continuum.access").disabled = not section.access

    return install, made.close
