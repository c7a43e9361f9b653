"""Global prompts over HTTP: what there is, and the files they are kept in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import trio

from continuum.errors import ContinuumError
from continuum.http.admin.bodies import Prompt
from continuum.http.admin.prompt_files import PromptFolder

if TYPE_CHECKING:
    from continuum.config import GlobalPrompts
    from continuum.http.admin.answers import PromptEntry, PromptFile, PromptList, PromptsReloaded, PromptWritten
    from continuum.http.admin.ground import Ground
    from continuum.http.admin.request import Request

__all__ = ["listing", "read", "reload", "write"]


class _Source(NamedTuple):
    id: str
    kind: Literal["default", "backend", "model"]
    text: str | None
    file: str | None


def _sources(section: GlobalPrompts) -> Iterator[_Source]:
    """Every prompt that the section says, as text or in a file, which wins."""
    if section.default is not None or section.default_file is not None:
        yield _Source("default", "default", section.default, section.default_file)
    for name, each in section.backends.items():
        if each.prompt is not None or each.prompt_file is not None:
            yield _Source(name, "backend", each.prompt, each.prompt_file)
    for name, each in section.models.items():
        if each.prompt is not None or each.prompt_file is not None:
            yield _Source(name, "model", each.prompt, each.prompt_file)


def _files(section: GlobalPrompts) -> list[str]:
    return list(dict.fromkeys(each.file for each in _sources(section) if each.file is not None))


def _folder(ground: Ground) -> PromptFolder:
    section = ground.store.config.global_prompts
    file = ground.store.file
    beside = file.resolve().parent if file is not None else Path.cwd()
    return PromptFolder(beside, section.prompts_dir, _files(section))


async def listing(ground: Ground, request: Request) -> PromptList:
    """Every global prompt."""
    del request
    section, folder = ground.store.config.global_prompts, _folder(ground)
    shown = [await _shown(each, folder) for each in _sources(section)]
    return {"prompts": shown, "total": len(shown), "prompts_directory": section.prompts_dir}


async def _shown(source: _Source, folder: PromptFolder) -> PromptEntry:
    entry: PromptEntry = {
        "id": source.id,
        "prompt_type": source.kind,
        "source": "inline",
        "content": source.text or "",
        "size_bytes": len((source.text or "").encode()),
    }
    if source.file is None:
        return entry
    entry = {**entry, "source": "file", "content": "", "size_bytes": 0, "file_path": source.file, "loaded": False}
    try:
        found = await trio.to_thread.run_sync(folder.read, source.file)
    except ContinuumError:
        return entry
    return {**entry, "file_path": found.path, "content": found.content, "size_bytes": found.size, "loaded": True}


async def read(ground: Ground, request: Request) -> PromptFile:
    """A prompt file."""
    found = await trio.to_thread.run_sync(_folder(ground).read, request.names["path"])
    return {
        "path": found.path,
        "content": found.content,
        "size_bytes": found.size,
        "modified_at": found.modified_at,
    }


async def write(ground: Ground, request: Request) -> PromptWritten:
    """Create or replace a prompt file."""
    content = request.shaped(Prompt).content
    done = await trio.to_thread.run_sync(_folder(ground).write, request.names["path"], content)
    await ground.audit.note(request.who, "prompt file written", path=done.path, size_bytes=done.size)
    return {
        "success": True,
        "path": done.path,
        "size_bytes": done.size,
        "message": "Prompt file updated successfully",
    }


async def reload(ground: Ground, request: Request) -> PromptsReloaded:
    """Read every named prompt file again."""
    folder = _folder(ground)
    reloaded: list[str] = []
    answer: PromptsReloaded = {"success": True, "reloaded_count": 0, "reloaded": reloaded, "errors": [], "message": ""}
    for path in _files(ground.store.config.global_prompts):
        try:
            reloaded.append((await trio.to_thread.run_sync(folder.read, path)).path)
        except ContinuumError as fault:
            answer["errors"].append({"path": path, "message": fault.message})
    count = len(reloaded)
    await ground.audit.note(request.who, "prompt files reloaded", paths=reloaded)
    return {
        **answer,
        "success": not answer["errors"],
        "reloaded_count": count,
        "message": f"Successfully reloaded {count} prompt file(s)",
    }
