"""What is measured: every instrument is declared once, each router has a meter of its own, and one way to show it."""

from continuum.metrics.instruments import INSTRUMENTS, Instrument, Phase
from continuum.metrics.meter import Limits, Meter

__all__ = ["INSTRUMENTS", "Instrument", "Limits", "Meter", "Phase"]
