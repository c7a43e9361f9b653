"""What is answered below /config/prompts."""

from typing import Literal, NotRequired, TypedDict

__all__ = [
    "PromptEntry",
    "PromptFailed",
    "PromptFile",
    "PromptList",
    "PromptWritten",
    "PromptsReloaded",
]


class PromptEntry(TypedDict):
    """One global prompt."""

    id: str
    prompt_type: Literal["default", "backend", "model"]
    source: Literal["file", "inline"]
    file_path: NotRequired[str]
    content: str
    loaded: NotRequired[bool]
    size_bytes: int


class PromptList(TypedDict):
    """Every global prompt."""

    prompts: list[PromptEntry]
    total: int
    prompts_directory: str


class PromptFile(TypedDict):
    """A prompt file."""

    path: str
    content: str
    size_bytes: int
    modified_at: int


class PromptWritten(TypedDict):
    """A prompt file was written."""

    success: bool
    path: str
    size_bytes: int
    message: str


class PromptFailed(TypedDict):
    """A prompt file that cannot be read."""

    path: str
    message: str


class PromptsReloaded(TypedDict):
    """Prompt files were read again."""

    success: bool
    reloaded_count: int
    reloaded: list[str]
    errors: list[PromptFailed]
    message: str
