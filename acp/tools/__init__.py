"""The tools that models may call, one file each; TOOLS is their table, and a row's file is imported at first use."""

from __future__ import annotations

from typing import Final

from .base import ToolRow

__all__ = ["TOOLS"]

TOOLS: Final = (
    ToolRow("read_file", "read", "read"),
    ToolRow("search", "search", "search"),
    ToolRow("edit_file", "edit", "edit"),
    ToolRow("write_file", "edit", "write"),
    ToolRow("delete_file", "delete", "delete"),
    ToolRow("move_file", "move", "move"),
    ToolRow("run_command", "execute", "execute"),
    ToolRow("fetch_url", "fetch", "fetch"),
    ToolRow("update_plan", "think", "plan", quiet=True),
    ToolRow("think", "think", "think", quiet=True),
)
