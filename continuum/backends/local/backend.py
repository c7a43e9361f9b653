"""The embedded model as a configuration: a managed backend like any other."""

from __future__ import annotations

import sys
from typing import Any, Final

from continuum.config.url import PORT_FIELD

__all__ = ["MODEL_ID", "backend_config_data"]

MODEL_ID: Final = "smollm2-135m"

# The first start fetches 93 MB over whatever line there is.
_START_TIMEOUT: Final = "10m"
_IDLE_STOP: Final = "15m"


def backend_config_data() -> dict[str, Any]:
    """A whole configuration, as a file would say it, with the embedded model as its only backend."""
    return {
        "backends": [
            {
                "name": "local",
                "type": "llamacpp",
                "url": f"http://127.0.0.1:{PORT_FIELD}",
                "models": [MODEL_ID],
                "managed": {
                    # -P: whatever lies in the folder the router was started in must not be imported.
                    "command": [sys.executable, "-P", "-m", "continuum.backends.local", "--port", PORT_FIELD],
                    "ready_path": "/health",
                    "start_timeout": _START_TIMEOUT,
                    "idle_stop": _IDLE_STOP,
                },
            }
        ],
        "routing": {"default_model": MODEL_ID},
    }
