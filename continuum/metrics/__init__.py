"""What is counted: every instrument is declared once, and each router has counters of its own."""

from continuum.metrics.counters import Counters
from continuum.metrics.instruments import CANCELLED, EJECTIONS, INSTRUMENTS, RATE_LIMITED, Instrument, Phase

__all__ = ["CANCELLED", "EJECTIONS", "INSTRUMENTS", "RATE_LIMITED", "Counters", "Instrument", "Phase"]
