"""The section `logging`: what is logged, how, and where to."""

from typing import Literal

from pydantic import Field

from continuum.config.section import Reload, Section
from continuum.config.types import Word


class Logging(Section, reload=Reload.IMMEDIATE):
    """What is logged, in which form, and where to."""

    level: Literal["trace", "debug", "info", "warn", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    access: bool = Field(default=True, description="One line for each request.")
    format: Literal["text", "json"] = Field(default="text", description="Lines for people, or one JSON object a line.")
    file: Word | None = Field(default=None, description="File to append to; absent: stderr.")
    log_prompts: bool = Field(
        default=False, description="Prompts as they are sent, and answers: a line each, at level info."
    )
