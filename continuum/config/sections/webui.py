"""The section `webui`: the console in the browser."""

from pydantic import Field

from continuum.config.section import Reload, Section
from continuum.config.types import UrlPath


class Webui(Section, reload=Reload.REQUIRES_RESTART, admin=False):
    """The console in the browser."""

    enabled: bool = Field(default=True, description="Whether it is served.")
    path_prefix: UrlPath = Field(default="/webui", description="Path it is served below.")
