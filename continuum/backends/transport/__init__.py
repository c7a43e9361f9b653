"""How bytes reach a backend: our own HTTP/1.1 transport, and httpx's where it can do what ours cannot.

Names that stand on httpx are loaded when first used: most routers need none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from continuum.backends.transport.cause import Cause
from continuum.backends.transport.http1 import Http1Transport
from continuum.backends.transport.port import Incoming, Origin, Transport
from continuum.backends.transport.tls import Contexts

if TYPE_CHECKING:
    from continuum.backends.transport.as_httpx import HttpxTransport
    from continuum.backends.transport.brought import BroughtTransport, HttpClient
    from continuum.backends.transport.stock import StockTransport, stock_transport

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

_HOMES = {
    "BroughtTransport": "brought",
    "HttpClient": "brought",
    "HttpxTransport": "as_httpx",
    "StockTransport": "stock",
    "stock_transport": "stock",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
