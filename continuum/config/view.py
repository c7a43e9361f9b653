"""The configuration as plain data to look at: every key in force, secrets masked, unset optional keys left out."""

from typing import Any

from continuum.config.model import Config


def masked(config: Config) -> dict[str, Any]:
    """Sections in their order; durations and sizes as text with a unit, each secret as `***`."""
    return config.model_dump(mode="json", exclude_none=True)
