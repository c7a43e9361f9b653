"""All client keys of a configuration: those written in it, and those of the file it names."""

from collections.abc import Container
from pathlib import Path as File

from pydantic import Field, ValidationError

from continuum.config.codec import read
from continuum.config.faults import faults_of
from continuum.config.section import Group
from continuum.config.sections.api_keys import ApiKey, ApiKeys, repeated_keys
from continuum.errors import ConfigError, ConfigProblem

_SECTION = _LIST = "api_keys"
_NAMED_BY = "api_keys.api_keys_file"
_OTHERS = 0o077
_MADE = "must be unique; a key made over the admin API has this id"


class _KeyFile(Group):
    """What a key file holds: a list, bare or under `api_keys`."""

    api_keys: list[ApiKey] = Field(default=[])


def client_keys(section: ApiKeys, *, made: Container[str] = (), again: bool = False) -> list[ApiKey]:
    """Every key, those of the section first. Reads `api_keys_file`; raises ConfigError with every fault at once.

    made: ids that are given to keys made over the admin API. again: the file was good before, so an empty one is half
    written.
    """
    own = len(section.api_keys)
    file = None if section.api_keys_file is None else File(section.api_keys_file)
    keys = section.api_keys if file is None else [*section.api_keys, *_read(file, again=again)]
    faults = list(repeated_keys(keys)) if file is not None else []
    faults += [((index, "id"), _MADE) for index, key in enumerate(keys) if key.known_as in made]
    problems = [
        ConfigProblem(rule, f"{_SECTION}.{_LIST}.{path[0]}.{path[1]}")
        if int(path[0]) < own
        else ConfigProblem(rule, f"{_LIST}.{int(path[0]) - own}.{path[1]}", str(file))
        for path, rule in faults
    ]
    if problems:
        raise ConfigError(problems)
    return keys


def _read(file: File, *, again: bool) -> list[ApiKey]:
    document = read(file, list_of=_LIST)
    if _mode(file) & _OTHERS:
        raise ConfigError([ConfigProblem(f"{file} must be for its owner only: chmod 600", _NAMED_BY)])
    if again and not document.data:
        raise ConfigError([ConfigProblem("is empty", file=str(file))])
    try:
        return _KeyFile.model_validate(document.data).api_keys
    except ValidationError as error:
        faults = faults_of(error, _KeyFile, document.data)
        problems = [fault.at(document.file, document.line(fault.path)) for fault in faults]
        raise ConfigError(problems) from None


def _mode(file: File) -> int:
    try:
        return file.stat().st_mode
    except OSError:  # it was there a moment ago
        raise ConfigError([ConfigProblem("cannot be read: no such file", file=str(file))]) from None
