"""The keys whose mechanism is still to come: they are declared and stored, and changing one is a warning.

Whoever builds a mechanism strikes its row.
"""

_LATER = """
server.workers
rate_limiting.storage
files
metrics.otlp
storage.url
cache.responses
tracing
webui
"""

LATER: tuple[tuple[str, ...], ...] = tuple(tuple(row.split(".")) for row in _LATER.split())
"""Paths below Config."""
