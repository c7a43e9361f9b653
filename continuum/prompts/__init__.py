"""Global prompts: what the section says, the files they are kept in, and which of them a call gets."""

from continuum.prompts.folder import PromptFolder, Text, folder_of
from continuum.prompts.prompts import Prompts, Reading, unreadable
from continuum.prompts.sources import Source, named_files, sources

__all__ = ["PromptFolder", "Prompts", "Reading", "Source", "Text", "folder_of", "named_files", "sources", "unreadable"]
