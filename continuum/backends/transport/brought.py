"""A client that a host program brings along, as a transport: its TLS, proxies and pool, and nothing else of it."""

from __future__ import annotations

import httpx
from httpx import AsyncClient as HttpClient

from continuum.errors import ConnectFailed

__all__ = ["BroughtTransport", "HttpClient"]


class BroughtTransport(httpx.AsyncBaseTransport):
    """Carries requests with the given client. Its own timeouts, base URL, headers, credentials and cookies do not
    count, and no redirect is followed. Whoever made the client closes it.
    """

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send and wait for the answer's head. Raises httpx.HTTPError; ConnectFailed once the client is closed."""
        try:
            return await self._client.send(request, stream=True, auth=None, follow_redirects=False)
        except RuntimeError:
            if self._client.is_closed:
                raise ConnectFailed("the HTTP client that the router was given is closed") from None
            raise

    async def aclose(self) -> None:
        """Leave the client to whoever made it."""
