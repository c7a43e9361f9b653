"""How bytes reach a backend: anything that is an `httpx.AsyncBaseTransport` and runs on trio."""

from continuum.backends.transport.stock import stock_transport

__all__ = ["stock_transport"]
