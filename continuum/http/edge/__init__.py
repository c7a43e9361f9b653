"""The serving side: connections accepted, HTTP/1.1 spoken, and the drain when a signal comes."""

from continuum.http.edge.serving import serve

__all__ = ["serve"]
