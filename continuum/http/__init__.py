"""The HTTP transport: OpenAI-compatible routes in front of the core."""

from continuum.http.app import App
from continuum.http.edge import serve
from continuum.http.sockets import listen

__all__ = ["App", "listen", "serve"]
