"""The ACP agent: stdio transport, sessions and methods. Knows nothing of HTTP."""
