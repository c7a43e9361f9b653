"""think: a thought the model wants to write down; it changes nothing."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from ..jsonrpc import JsonObject
from ..updates import thought
from ..workbench import Workbench
from .base import Action, Arguments, Output, Progress, read_arguments

__all__ = ["DESCRIPTION", "Parameters", "prepare"]

DESCRIPTION: Final = "Write down a thought while working something out. It changes nothing."


class Parameters(Arguments):
    """Of think."""

    thought: Annotated[str, Meta(description="The thought.")]


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Nothing to judge."""
    wanted = read_arguments(Parameters, arguments)

    async def run(_: Progress) -> Output:
        await bench.client.update(bench.session_id, thought(wanted.thought))
        return Output("Noted")

    return Action("Think", run, grant="think")
