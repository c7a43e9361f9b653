"""What any store raises."""

from __future__ import annotations

__all__ = ["StorageFault"]


class StorageFault(Exception):
    """The place cannot be read or written; the text says why and names no content."""
