"""All client keys of a configuration: those written in it, and those of the file it names."""

from pathlib import Path as File

from pydantic import Field, ValidationError

from continuum.config.codec import read
from continuum.config.faults import faults_of
from continuum.config.section import Group
from continuum.config.sections.api_keys import ApiKey, ApiKeys, repeated_keys
from continuum.errors import ConfigError, ConfigProblem

_LIST = "api_keys"
_NAMED_BY = "api_keys.api_keys_file"
_OTHERS = 0o077


class _KeyFile(Group):
    """What a key file holds: a list, bare or under `api_keys`."""

    api_keys: list[ApiKey] = Field(default=[])


def client_keys(section: ApiKeys) -> list[ApiKey]:
    """Every key, those of the section first. Reads `api_keys_file`; raises ConfigError with every fault at once."""
    if section.api_keys_file is None:
        return section.api_keys
    file = File(section.api_keys_file)
    keys = [*section.api_keys, *_read(file)]
    own = len(section.api_keys)
    problems = [
        ConfigProblem(rule, f"{_LIST}.{int(path[0]) - own}.{path[1]}", str(file)) for path, rule in repeated_keys(keys)
    ]
    if problems:
        raise ConfigError(problems)
    return keys


def _read(file: File) -> list[ApiKey]:
    document = read(file, list_of=_LIST)
    if file.stat().st_mode & _OTHERS:
        raise ConfigError([ConfigProblem(f"{file} must be for its owner only: chmod 600", _NAMED_BY)])
    try:
        return _KeyFile.model_validate(document.data).api_keys
    except ValidationError as error:
        faults = faults_of(error, _KeyFile, document.data)
        problems = [fault.at(document.file, document.line(fault.path)) for fault in faults]
        raise ConfigError(problems) from None
