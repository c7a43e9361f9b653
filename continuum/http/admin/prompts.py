"""Global prompts over HTTP: what there is, and the files they are kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from continuum.errors import ContinuumError
from continuum.http.admin.bodies import Prompt
from continuum.prompts import folder_of, sources

if TYPE_CHECKING:
    from continuum.http.admin.answers.prompts import PromptEntry, PromptFile, PromptList, PromptsReloaded, PromptWritten
    from continuum.http.admin.ground import Ground
    from continuum.http.admin.request import Request
    from continuum.prompts import PromptFolder, Source

__all__ = ["listing", "read", "reload", "write"]


def _folder(ground: Ground) -> PromptFolder:
    return folder_of(ground.store.config.global_prompts, ground.store.beside)


async def listing(ground: Ground, request: Request) -> PromptList:
    """Every global prompt."""
    del request
    section, folder = ground.store.config.global_prompts, _folder(ground)
    shown = [await _shown(each, folder) for each in sources(section)]
    return {"prompts": shown, "total": len(shown), "prompts_directory": section.prompts_dir}


async def _shown(source: Source, folder: PromptFolder) -> PromptEntry:
    entry: PromptEntry = {
        "id": source.id,
        "prompt_type": source.kind,
        "source": "inline",
        "content": source.text or "",
        "size_bytes": len((source.text or "").encode()),
    }
    if source.file is None:
        return entry
    named = await trio.to_thread.run_sync(folder.told, source.file)
    entry = {**entry, "source": "file", "content": "", "size_bytes": 0, "file_path": named, "loaded": False}
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
    await ground.instance.read_prompts()
    await ground.audit.note(request.who, "prompt file written", path=done.path, size_bytes=done.size)
    return {
        "success": True,
        "path": done.path,
        "size_bytes": done.size,
        "message": "Prompt file updated successfully",
    }


async def reload(ground: Ground, request: Request) -> PromptsReloaded:
    """Read every named prompt file again."""
    reading, folder = await ground.instance.read_prompts(), _folder(ground)
    reloaded = list(dict.fromkeys(reading.paths.values()))
    count = len(reloaded)
    named = await trio.to_thread.run_sync(lambda: {path: folder.told(path) for path in reading.faults})
    await ground.audit.note(request.who, "prompt files reloaded", paths=reloaded)
    return {
        "success": not reading.faults,
        "reloaded_count": count,
        "reloaded": reloaded,
        "errors": [{"path": named[path], "message": fault} for path, fault in reading.faults.items()],
        "message": f"Successfully reloaded {count} prompt file(s)",
    }
