"""The embedded demonstration model: is it possible here, its file, its server, and the backend that runs it.

Nothing of this is imported by the rest of the product except through these names; llama.cpp itself is only ever loaded
in a child process (`python -m continuum.backends.local`), which it may kill.
"""

from continuum.backends.local.backend import MODEL_ID, backend_config_data
from continuum.backends.local.machine import LocalModelError, check
from continuum.backends.local.model import ensure_model, is_fetched

__all__ = ["MODEL_ID", "LocalModelError", "backend_config_data", "check", "ensure_model", "is_fetched"]
