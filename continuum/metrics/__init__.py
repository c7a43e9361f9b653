"""What is counted: every instrument is declared once, and each router has counters of its own."""

from continuum.metrics.counters import Counters
from continuum.metrics.instruments import CANCELLED, INSTRUMENTS, Instrument, Phase

__all__ = ["CANCELLED", "INSTRUMENTS", "Counters", "Instrument", "Phase"]
