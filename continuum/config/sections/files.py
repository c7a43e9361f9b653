"""The section `files`: uploaded files and how long they are kept."""

from pydantic import Field

from continuum.config.quantity import ByteSize, size
from continuum.config.section import Group, Reload, Section, defaults_of
from continuum.config.types import Word


class FilesAuth(Group):
    """Who may see a file."""

    enforce_ownership: bool = Field(default=True, description="Whether only the key that uploaded a file may use it.")


class Files(Section, reload=Reload.GRADUAL):
    """Files that clients upload, where they are stored and for how long."""

    enabled: bool = Field(default=True, description="Whether files can be uploaded.")
    storage_path: Word | None = Field(
        default=None, description="Folder of the files; absent: files in storage.dir. Only from the file."
    )
    max_file_size: ByteSize = Field(default=size("512MiB"), description="Largest file, in bytes or with a unit.")
    retention_days: int | None = Field(default=None, ge=1, description="Days a file is kept; absent: until deleted.")
    auth: FilesAuth = defaults_of(FilesAuth)
