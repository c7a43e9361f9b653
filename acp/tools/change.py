"""What edit_file and write_file share: a change of one file's text, shown as a diff before it is made."""

from __future__ import annotations

from typing import Final

from ..sent.updates import Diff
from ..workbench import Workbench
from .base import Action, Output, Progress
from .paths import Target

__all__ = ["change"]

_LARGEST_DIFF: Final = 512 * 1024
"""Characters of a text that is shown whole in a diff."""


def change(bench: Workbench, target: Target, old: str | None, new: str, shown: tuple[str, str]) -> Action:
    """The action that makes `new` of `old` (None: a new file). shown: the part that differs, for large files."""
    before, after = (old, new) if len(old or "") + len(new) <= _LARGEST_DIFF else shown
    diff: Diff = {"type": "diff", "path": target.shown, "newText": after}
    if before is not None:
        diff["oldText"] = before

    async def run(_: Progress) -> Output:
        await bench.files.write(target, new, instead_of=old)
        done = "Created" if old is None else "Changed"
        return Output(f"{done} {target.shown}", content=[diff])

    verb = "Create" if old is None else "Edit"
    return Action(
        f"{verb} {target.shown}",
        run,
        grant=f"edit {target.real}",
        grant_title=f"edits of {target.shown}",
        locations=[target.location],
        content=[diff],
    )
