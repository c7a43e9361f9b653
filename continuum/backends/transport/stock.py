"""httpx's own transport, set up for a router: no environment, no redirects, no timeouts of its own."""

from __future__ import annotations

import ssl

import httpx

__all__ = ["stock_transport"]


def stock_transport(context: ssl.SSLContext, *, keepalive: int, idle: float) -> httpx.AsyncBaseTransport:
    """A pool of connections.

    keepalive: idle connections kept. idle: seconds after which an unused one is closed. context: one for all
    backends, since making one costs 20 ms.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=keepalive, keepalive_expiry=idle)
    return httpx.AsyncHTTPTransport(verify=context, trust_env=False, http1=True, http2=False, limits=limits, retries=0)
