"""The section `rate_limiting`: how much callers may ask for, and which of them are not counted."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model

from continuum.config.address import Cidr
from continuum.config.plain import is_mapping
from continuum.config.section import Group, Path, Reload, Section, defaults_of
from continuum.config.types import Word

_RATES = ("requests_per_minute", "requests_per_second")


class Limit(Group):
    """What may be used of one thing; a key that is not given sets no limit."""

    requests_per_minute: int | None = Field(default=None, ge=1, description="Requests per minute.")
    requests_per_second: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Requests per second; instead of requests_per_minute."
    )
    burst_capacity: int | None = Field(
        default=None, ge=1, description="Requests that may come at once; absent: a minute's worth."
    )
    tokens_per_minute: int | None = Field(default=None, ge=1, description="Tokens per minute, of prompts and answers.")
    max_in_flight: int | None = Field(default=None, ge=1, description="Concurrent requests.")

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        if all(given.get(rate) is not None for rate in _RATES):
            yield ("requests_per_second",), "must not stand beside requests_per_minute"


class _Scopes(Group):
    """Limits by what is counted."""

    per_client: Limit = defaults_of(
        Limit, "Of each client by its address; a key with limits is counted by itself instead."
    )
    per_api_key: Limit = defaults_of(Limit, "Of each client key; what a key says of itself wins.")
    per_backend: Limit = defaults_of(Limit, "Of each backend.")
    per_model: Limit = defaults_of(Limit, "Of each model.")

    @property
    def overall(self) -> Limit:
        """The limit `global`, a name that is no attribute in Python."""
        limit: Limit = getattr(self, "global")
        return limit


if TYPE_CHECKING:

    class Limits(_Scopes):
        """Limits by what is counted."""
else:  # `global` is a keyword: no class statement can declare it
    _overall = {"global": (Limit, defaults_of(Limit, "Of everybody together."))}
    Limits = create_model("Limits", __base__=_Scopes, __doc__=_Scopes.__doc__, **_overall)


class RateLimiting(Section, reload=Reload.IMMEDIATE):
    """How many requests and tokens callers, backends and models may use."""

    enabled: bool = Field(
        default=False,
        description="Whether the section's limits hold. What a key says of itself (api_keys) holds in any case.",
    )
    storage: Literal["memory", "redis"] = Field(
        default="memory", description="Where counts are kept: in this process, or shared through storage.url."
    )
    requests_per_minute: int | None = Field(
        default=None, ge=1, description="Short for limits.per_client.requests_per_minute."
    )
    limits: Limits = defaults_of(Limits)
    whitelist: list[Cidr] = Field(default=[], description="Addresses or networks of clients that are not limited.")
    bypass_keys: list[Word] = Field(default=[], description="Ids of the client keys that are not limited.")

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        limits, short = given.get("limits"), given.get("requests_per_minute")
        for scope, limit in _written(limits):
            rates = [rate for rate in _RATES if limit.get(rate) is not None]
            if scope == "per_client" and short is not None:
                for rate in rates:
                    yield ("limits", scope, rate), "must not stand beside the section's requests_per_minute"
                rates.append("requests_per_minute")
            if limit.get("burst_capacity") is not None and not rates:
                yield ("limits", scope, "burst_capacity"), f"means nothing without {' or '.join(_RATES)}"


def _written(limits: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(limits, Group):
        limits = limits.model_dump()
    for scope, limit in limits.items() if is_mapping(limits) else ():
        if isinstance(limit, Group):
            yield scope, limit.model_dump()
        elif is_mapping(limit):
            yield scope, limit
