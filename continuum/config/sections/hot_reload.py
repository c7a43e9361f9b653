"""The section `hot_reload`: whether edited files take effect by themselves."""

from pydantic import Field

from continuum.config.section import Reload, Section


class HotReload(Section, reload=Reload.REQUIRES_RESTART, admin=False):
    """Whether edits of the configuration file and the prompt files take effect at once."""

    enabled: bool = Field(default=True, description="Whether the files are watched.")
