"""What a caller may ask a model to do."""

from enum import StrEnum

__all__ = ["Operation"]


class Operation(StrEnum):
    """One kind of call; providers say at which path each is answered."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"
