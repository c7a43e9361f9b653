"""How bytes reach a backend: our own HTTP/1.1 transport, and httpx's where it can do what ours cannot."""

from continuum.backends.transport.as_httpx import HttpxTransport
from continuum.backends.transport.brought import BroughtTransport, HttpClient
from continuum.backends.transport.cause import Cause
from continuum.backends.transport.http1 import Http1Transport
from continuum.backends.transport.port import Incoming, Origin, Transport
from continuum.backends.transport.stock import StockTransport, stock_transport
from continuum.backends.transport.tls import Contexts

__all__ = [
    "BroughtTransport",
    "Cause",
    "Contexts",
    "Http1Transport",
    "HttpClient",
    "HttpxTransport",
    "Incoming",
    "Origin",
    "StockTransport",
    "Transport",
    "stock_transport",
]
