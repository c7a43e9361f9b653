"""The keys whose mechanism is still to come: they are declared and stored, and setting one is a warning.

Whoever builds a mechanism strikes its row. `*` is each item of a list or map.
"""

_LATER = """
server.workers
server.header_timeout
logging.log_prompts
rate_limiting.storage
files
metrics
storage.url
cache.responses
tracing
webui
model_metadata_file
"""

LATER: tuple[tuple[str, ...], ...] = tuple(tuple(row.split(".")) for row in _LATER.split())
"""Paths below Config."""
