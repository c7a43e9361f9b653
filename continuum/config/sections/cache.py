"""The section `cache`: what is remembered instead of being asked again."""

from typing import Literal

from pydantic import Field

from continuum.config.quantity import Delay, Duration, seconds
from continuum.config.section import Group, Reload, Section, defaults_of


class ResponseCache(Group):
    """Whole answers that are given again to the very same request."""

    enabled: bool = Field(default=False, description="Whether answers are kept.")
    ttl: Duration = Field(default=seconds("5m"), description="How long an answer is kept, in seconds or with a unit.")
    max_entries: int = Field(default=1000, ge=1, description="Answers that are kept at once.")
    storage: Literal["memory", "redis"] = Field(
        default="memory", description="Where they are kept: in this process, or shared through storage.url."
    )


class Cache(Section, reload=Reload.REQUIRES_RESTART, admin=False):
    """How long lists of models and answers are remembered."""

    model_list_ttl: Delay = Field(
        default=seconds("60s"),
        description="How long a backend's list of models is good, in seconds or with a unit; an empty one 5s.",
    )
    responses: ResponseCache = defaults_of(ResponseCache)
