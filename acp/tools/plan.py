"""update_plan: the steps of the work, shown by the client as its plan."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from ..jsonrpc import JsonObject
from ..sent.updates import PlanEntry
from ..workbench import Workbench
from .base import Action, Arguments, Output, Progress, read_arguments

__all__ = ["DESCRIPTION", "Parameters", "prepare"]

DESCRIPTION: Final = "Show the user the plan for a task of several steps. Send all steps each time one changes."


class _Entry(msgspec.Struct):
    content: Annotated[str, Meta(description="The step.")]
    status: Literal["pending", "in_progress", "completed"] = "pending"
    priority: Literal["high", "medium", "low"] = "medium"


class Parameters(Arguments):
    """Of update_plan."""

    entries: Annotated[list[_Entry], Meta(max_length=200, description="Every step of the plan, in order.")]


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Nothing to judge."""
    wanted = read_arguments(Parameters, arguments)

    async def run(_: Progress) -> Output:
        entries: list[PlanEntry] = msgspec.to_builtins(wanted.entries)
        await bench.client.update(bench.session_id, {"sessionUpdate": "plan", "entries": entries})
        return Output("The plan is shown")

    return Action("Update the plan", run, grant="plan")
