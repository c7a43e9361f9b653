"""The section `timeouts`: how long an upstream may take, for all models and for some."""

from fnmatch import fnmatchcase
from typing import TypeVar

from pydantic import Field

from continuum.config.quantity import Delay, Duration, seconds
from continuum.config.section import Group, Reload, Section, defaults_of
from continuum.config.types import Word

T = TypeVar("T", bound=Group)


class StandardTimeouts(Group):
    """Times for answers that are not streamed."""

    first_byte: Duration = Field(
        default=seconds("120s"), description="Until the answer begins, in seconds or with a unit."
    )
    total: Duration = Field(
        default=seconds("600s"), description="Until the answer is whole, in seconds or with a unit."
    )


class StreamingTimeouts(Group):
    """Times for streamed answers."""

    first_byte: Duration = Field(
        default=seconds("120s"), description="Until the stream begins, in seconds or with a unit."
    )
    chunk_interval: Duration = Field(
        default=seconds("60s"), description="Between two chunks, in seconds or with a unit."
    )
    total: Duration = Field(default=seconds("3600s"), description="Until the stream ends, in seconds or with a unit.")
    hold_head: Delay = Field(
        default=seconds("10s"),
        description="When nothing came for this long, the response's head and keep-alive comments are sent; "
        "in seconds or with a unit.",
    )


class RequestTimeouts(Group):
    """Times for one request."""

    standard: StandardTimeouts = defaults_of(StandardTimeouts)
    streaming: StreamingTimeouts = defaults_of(StreamingTimeouts)


class StandardOverride(Group):
    """Times for answers that are not streamed, where they differ."""

    first_byte: Duration | None = Field(default=None, description="Until the answer begins, in seconds or with a unit.")
    total: Duration | None = Field(default=None, description="Until the answer is whole, in seconds or with a unit.")


class StreamingOverride(Group):
    """Times for streamed answers, where they differ."""

    first_byte: Duration | None = Field(default=None, description="Until the stream begins, in seconds or with a unit.")
    chunk_interval: Duration | None = Field(default=None, description="Between two chunks, in seconds or with a unit.")
    total: Duration | None = Field(default=None, description="Until the stream ends, in seconds or with a unit.")
    hold_head: Delay | None = Field(
        default=None, description="Until head and comments are sent, in seconds or with a unit."
    )


class TimeoutOverride(Group):
    """Times for the models of one name pattern, where they differ."""

    standard: StandardOverride = defaults_of(StandardOverride)
    streaming: StreamingOverride = defaults_of(StreamingOverride)


class Timeouts(Section, reload=Reload.GRADUAL):
    """How long connections and requests to backends may take."""

    connection: Duration = Field(default=seconds("5s"), description="To connect, in seconds or with a unit.")
    idle: Duration = Field(
        default=seconds("60s"),
        description="An upstream connection unused for this long is closed; in seconds or with a unit.",
    )
    request: RequestTimeouts = defaults_of(RequestTimeouts)
    model_overrides: dict[Word, TimeoutOverride] = Field(
        default={}, description="What differs for some models: exact name or pattern with * and ? to times."
    )

    def of(self, model: str) -> RequestTimeouts:
        """The times for one model: the override of its very name, else the first whose pattern matches, else none."""
        override = self.model_overrides.get(model) or next(
            (each for pattern, each in self.model_overrides.items() if fnmatchcase(model, pattern)), None
        )
        if override is None:
            return self.request
        return RequestTimeouts(
            standard=_over(self.request.standard, override.standard),
            streaming=_over(self.request.streaming, override.streaming),
        )


def _over(base: T, override: Group) -> T:
    given = {name: value for name, value in override if value is not None}
    return base.model_copy(update=given)
