"""How long tests wait, in one place. CI runs the suite in two halves at once on two cores, which others may share:
whatever takes a moment may there take seconds, and no test may fail for that.
"""

PATIENCE_S = 60.0
"""Seconds for what must come about, whenever it does: only what hangs takes as long."""

BUSY_S = 10.0
"""Seconds that a busy machine may add to a time that is promised."""


def promised(seconds: float) -> float:
    """What a test holds a promised time to, in seconds."""
    return seconds + BUSY_S
