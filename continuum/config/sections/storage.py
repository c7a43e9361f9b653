"""The section `storage`: where what must outlive the process is kept."""

from typing import Annotated

from pydantic import AfterValidator, Field

from continuum.config.secret import Secret
from continuum.config.section import Reload, Section
from continuum.config.types import Word

_SCHEMES = ("redis://", "rediss://", "unix://")


def _redis(url: Secret) -> Secret:
    if not url.reveal().startswith(_SCHEMES):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return url


RedisUrl = Annotated[Secret, AfterValidator(_redis)]
"""A URL that may hold a password, and so is shown masked."""


class Storage(Section, reload=Reload.REQUIRES_RESTART, admin=False):
    """Where versions of the configuration, files, sessions and keys are kept."""

    dir: Word | None = Field(
        default=None, description="Folder on this machine; absent: continuum in $XDG_STATE_HOME or ~/.local/state."
    )
    url: RedisUrl | None = Field(
        default=None,
        description="Redis server through which several machines share limits, keys, sessions, metadata of files and "
        "versions of the configuration; shown masked.",
    )
