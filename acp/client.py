"""The client as we address it. Notifications for now; our requests to it (fs, terminal, permission) belong here too."""

from __future__ import annotations

from .jsonrpc import JsonObject, encode_notification
from .transport.stdio import StdioTransport

__all__ = ["Client"]


class Client:
    """The other end of the channel."""

    def __init__(self, transport: StdioTransport) -> None:
        self._transport = transport

    async def notify(self, method: str, params: JsonObject) -> None:
        """Send; then wait while the client is far behind in reading. Once called it is sent, cancelled or not."""
        self._transport.post(encode_notification(method, params))
        await self._transport.room()
