"""One MCP server through the official client: connected, asked for its tools, called until the session ends."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import httpx2
import trio
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Implementation, PaginatedRequestParams

from continuum.chat import Image
from continuum.redact import redact
from continuum.version import VERSION

from ..jsonrpc import JsonObject
from ..servers import RemoteTool, Server, ServerFault
from ..tools.base import Output, ToolFault, shortened
from ..tools.output import KEPT
from .process import open_process

__all__ = ["attend"]

_US: Final = Implementation(name="continuum", version=VERSION)
_START_TIME: Final = 15.0  # seconds until a server must have said what it offers
_NETWORK_TIMES: Final = httpx2.Timeout(30.0, read=300.0)  # reads are streams that may be quiet for long
_MOST_PAGES: Final = 32
_MOST_TOOLS: Final = 512
_LONGEST_LIST: Final = 1024 * 1024  # bytes of all descriptions and schemas


async def attend(server: Server, cwd: str, *, start_within: float = _START_TIME) -> None:
    """Connect and serve until the session ends. ServerFault, or whatever the client raises: it is of no use."""
    with trio.move_on_after(start_within) as starting:
        async with _connected(server, cwd) as (read, write), ClientSession(read, write, client_info=_US) as session:
            await session.initialize()
            server.up(await _tools(session), partial(_call, session))
            starting.deadline = math.inf
            await server.over.wait()
            server.down()
    if starting.cancelled_caught:
        raise ServerFault(f"it did not start within {start_within:g} s")


@asynccontextmanager
async def _connected(server: Server, cwd: str) -> AsyncGenerator[Any]:
    spec = server.spec
    if spec.kind == "stdio":
        async with open_process(server, cwd) as streams:
            yield streams
    elif spec.kind == "http":
        async with (
            httpx2.AsyncClient(headers=dict(spec.headers), timeout=_NETWORK_TIMES) as http,
            streamable_http_client(spec.url, http_client=http) as streams,
        ):
            yield streams
    else:
        async with sse_client(spec.url, headers=dict(spec.headers)) as streams:
            yield streams


async def _tools(session: ClientSession) -> list[RemoteTool]:
    found: list[RemoteTool] = []
    size = 0
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        for tool in page.tools:
            found.append(RemoteTool(tool.name, tool.description or "", tool.input_schema))
            size += len(tool.description or "") + len(json.dumps(tool.input_schema))
        if len(found) > _MOST_TOOLS or size > _LONGEST_LIST:
            break
        cursor = page.next_cursor
        if not cursor:
            return found
    raise ServerFault(f"its list of tools is too long (more than {_MOST_TOOLS} tools, or {_LONGEST_LIST} bytes)")


async def _call(session: ClientSession, name: str, arguments: JsonObject) -> Output:
    try:
        result = await session.call_tool(name, arguments)
    except MCPError as error:
        raise ToolFault(f"The server refused: {redact(error.message)}") from None
    except (RuntimeError, ValueError) as error:  # an answer of another shape than its own schema says
        raise ToolFault(f"The server's answer is unusable: {type(error).__name__}") from None
    return _output(result)


def _output(result: CallToolResult) -> Output:
    texts: list[str] = []
    images: list[Image] = []
    for block in result.content:
        match block.type:
            case "text":
                texts.append(block.text)
            case "image":
                images.append(Image(f"data:{block.mime_type};base64,{block.data}"))
            case "resource_link":
                texts.append(f"[{block.name}]({block.uri})")
            case "resource":
                text = getattr(block.resource, "text", None)
                texts.append(text if isinstance(text, str) else f"({block.resource.uri}: binary, not shown)")
            case _:
                texts.append(f"({block.type}: not shown)")
    if not texts and result.structured_content is not None:
        texts.append(json.dumps(result.structured_content))
    said = shortened("\n".join(texts), KEPT) or ("(an image)" if images else "(nothing)")
    return Output(said, failed=result.is_error, images=images)
