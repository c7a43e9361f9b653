"""The section `global_prompts`: system prompts that are added to requests. Judges names as text; reads no file."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from continuum.config.section import Group, Reload, Section
from continuum.config.types import Word

LARGEST_PROMPT = 1024 * 1024
"""Bytes of UTF-8, inline or in a file."""
SUFFIXES = (".md", ".txt")


def _prompt(text: str) -> str:
    if len(text.encode()) > LARGEST_PROMPT:
        raise ValueError("must not be larger than 1 MiB")
    return text


def _file_name(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or text.startswith("~"):
        raise ValueError("must be relative: prompts are sought in prompts_dir, then beside the configuration")
    if ".." in path.parts or "\\" in text:
        raise ValueError("must not hold '..' or a backslash")
    if path.suffix not in SUFFIXES or not path.stem:
        raise ValueError(f"must name a file that ends in {' or '.join(SUFFIXES)}")
    return text


Prompt = Annotated[str, AfterValidator(_prompt)]
PromptFile = Annotated[
    Word, AfterValidator(_file_name), WithJsonSchema({"type": "string", "pattern": r"^[^/~\\][^\\]*\.(md|txt)$"})
]


class PromptSource(Group):
    """A prompt, as text or in a file."""

    prompt: Prompt | None = Field(default=None, description="The text.")
    prompt_file: PromptFile | None = Field(default=None, description="File with the text; wins over prompt.")


class GlobalPrompts(Section, reload=Reload.IMMEDIATE):
    """System prompts that are added to requests: the model's, else the backend's, else the default."""

    default: Prompt | None = Field(default=None, description="The prompt where no other applies.")
    default_file: PromptFile | None = Field(default=None, description="File with that prompt; wins over default.")
    prompts_dir: Word = Field(
        default="./prompts",
        description="Folder of the prompt files, relative to the configuration file; what is not in it is sought "
        "beside the configuration.",
    )
    backends: dict[Word, PromptSource] = Field(default={}, description="Prompts of some backends: name to prompt.")
    models: dict[Word, PromptSource] = Field(default={}, description="Prompts of some models: id to prompt.")
    merge_strategy: Literal["prepend", "append", "replace"] = Field(
        default="prepend", description="Where the prompt goes: before the request's own system prompt, after, instead."
    )
    separator: str = Field(default="\n\n", description="What stands between the two.")
