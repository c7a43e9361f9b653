"""The real command line, which also says on SIGUSR1 how many trio tasks are alive: the product has no need to."""

import gc
import signal
import sys
from types import FrameType

import trio

from continuum.cli.main import main

TASKS = "trio tasks alive: "


def _count(number: int, frame: FrameType | None) -> None:
    del number, frame
    tasks = [each for each in gc.get_objects() if isinstance(each, trio.lowlevel.Task)]
    alive = [task for task in tasks if getattr(task.coro, "cr_frame", None) is not None]
    sys.stderr.write(f"{TASKS}{len(alive)}\n")


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _count)
    main()
