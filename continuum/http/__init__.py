"""The HTTP transport: OpenAI-compatible routes in front of the core."""

from continuum.http.app import App
from continuum.http.edge import serve
from continuum.http.mounting import Mounted
from continuum.http.sockets import listen

__all__ = ["App", "Mounted", "listen", "serve"]
