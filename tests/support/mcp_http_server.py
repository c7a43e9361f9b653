"""An MCP server behind HTTP, written with the official package: `python mcp_http_server.py streamable-http|sse`.

It listens on a free port of loopback, prints the port, and ends with its input.
"""

import hashlib
import os
import socket
import sys
import threading

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("double")


@server.tool()
def greet(whom: str, context: Context) -> str:
    """Greet someone, and tell the digest of the key that the request brought."""
    key = (context.headers or {}).get("x-key", "")
    return f"hello {whom}, {hashlib.sha256(key.encode()).hexdigest()}"


def end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    app = server.sse_app() if sys.argv[1] == "sse" else server.streamable_http_app()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=end_with_input, daemon=True).start()
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listener])
