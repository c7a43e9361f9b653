"""Which loop runs us: what a builder does works under trio, under asyncio, and while a module is imported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import trio

__all__ = ["in_thread", "in_trio"]

T = TypeVar("T")


def in_trio() -> bool:
    """Whether trio runs this code."""
    return trio.lowlevel.in_trio_task()


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` gives, while the loop that awaits it goes on."""
    return await (trio.to_thread.run_sync(work) if in_trio() else asyncio.to_thread(work))
