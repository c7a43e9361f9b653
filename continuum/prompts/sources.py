"""What the section `global_prompts` says: each prompt, as text or in a file. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from continuum.config import GlobalPrompts

__all__ = ["Source", "named_files", "sources"]


class Source(NamedTuple):
    """A prompt. id: `default`, a backend's name, or a model's id. The file wins over the text."""

    id: str
    kind: Literal["default", "backend", "model"]
    text: str | None
    file: str | None

    @property
    def key(self) -> str:
        """Where the section names its file, in full."""
        place = "default_file" if self.kind == "default" else f"{self.kind}s.{self.id}.prompt_file"
        return f"global_prompts.{place}"


def sources(section: GlobalPrompts) -> Iterator[Source]:
    """Every prompt there is: the default, those of backends, those of models."""
    if section.default is not None or section.default_file is not None:
        yield Source("default", "default", section.default, section.default_file)
    for name, each in section.backends.items():
        if each.prompt is not None or each.prompt_file is not None:
            yield Source(name, "backend", each.prompt, each.prompt_file)
    for name, each in section.models.items():
        if each.prompt is not None or each.prompt_file is not None:
            yield Source(name, "model", each.prompt, each.prompt_file)


def named_files(section: GlobalPrompts) -> list[str]:
    """The files that are named, each once."""
    return list(dict.fromkeys(each.file for each in sources(section) if each.file is not None))
