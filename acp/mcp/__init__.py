"""MCP through its official client: the only room that imports it, and only once a session names a server."""
