"""One MCP server through the official client: connected, asked for its tools, called until the session ends."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import trio
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Implementation, PaginatedRequestParams

from continuum.chat import Image
from continuum.version import VERSION

from ..jsonrpc import JsonObject
from ..servers import RemoteTool, Server, ServerFault
from ..tools.base import Output, ToolFault, shortened
from ..tools.output import KEPT
from .faults import reason_of, refusal_of, status_of
from .http import Answers, Veil, client, veil_of
from .process import open_process

__all__ = ["attend"]

_US: Final = Implementation(name="continuum", version=VERSION)
_START_TIME: Final = 15.0  # seconds until a server must have said what it offers
_END_TIME: Final = 5.0  # seconds for a goodbye
_MOST_PAGES: Final = 32
_MOST_TOOLS: Final = 512
_LONGEST_LIST: Final = 1024 * 1024  # bytes of all descriptions and schemas


# The official client's own log repeats what servers say, and so may show what they were sent; reasons are told here.
logging.getLogger("mcp").addHandler(logging.NullHandler())


async def attend(server: Server, cwd: str, *, start_within: float = _START_TIME) -> None:
    """Connect and serve until the session ends. ServerFault: it is of no use."""
    answers, veil = Answers(), veil_of(server.spec.headers.values())
    try:
        with trio.move_on_after(start_within) as starting:
            async with (
                _streams(server, cwd, answers) as (read, write),
                ClientSession(read, write, client_info=_US) as session,
            ):
                link = _Link(session, answers, veil)
                await session.initialize()
                server.up(await link.tools(), link.call)
                starting.deadline = math.inf
                await server.over.wait()
                server.down()
                starting.deadline = trio.current_time() + _END_TIME
    except Exception as fault:  # noqa: BLE001 (foreign code's outermost frame: whatever it raises is a reason)
        raise ServerFault(reason_of(fault, answers, veil)) from None
    if starting.cancelled_caught and not server.over.is_set():
        late = f"it did not start within {start_within:g} s"
        raise ServerFault(late if answers.refusal is None else status_of(answers.refusal))


@asynccontextmanager
async def _streams(server: Server, cwd: str, answers: Answers) -> AsyncGenerator[Any]:
    spec = server.spec

    def http(*_: object, **__: object) -> httpx2.AsyncClient:
        return client(spec.headers, answers)

    if spec.kind == "stdio":
        async with open_process(server, cwd) as pipes:
            yield pipes
    elif spec.kind == "http":
        async with http() as made, streamable_http_client(spec.url, http_client=made) as streams:
            yield streams
    else:
        async with sse_client(spec.url, httpx_client_factory=http) as streams:
            yield streams


@dataclass
class _Link:
    """A server that answers."""

    session: ClientSession
    answers: Answers
    veil: Veil

    async def tools(self) -> list[RemoteTool]:
        """All of its tools. ServerFault: too many."""
        found: list[RemoteTool] = []
        size = 0
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self.session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
            for tool in page.tools:
                found.append(RemoteTool(tool.name, self.veil(tool.description or ""), tool.input_schema))
                size += len(tool.description or "") + len(json.dumps(tool.input_schema))
            if len(found) > _MOST_TOOLS or size > _LONGEST_LIST:
                break
            cursor = page.next_cursor
            if not cursor:
                return found
        raise ServerFault(f"its list of tools is too long (more than {_MOST_TOOLS} tools, or {_LONGEST_LIST} bytes)")

    async def call(self, name: str, arguments: JsonObject) -> Output:
        """Call one. ToolFault: it refused, or its answer is none."""
        try:
            result = await self.session.call_tool(name, arguments)
        except MCPError as error:
            raise ToolFault(f"The call failed: {refusal_of(error, self.answers, self.veil)}") from None
        except (RuntimeError, ValueError) as error:  # an answer of another shape than its own schema says
            raise ToolFault(f"The server's answer is unusable: {type(error).__name__}") from None
        return _output(result, self.veil)


def _output(result: CallToolResult, veil: Veil) -> Output:
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
    said = shortened(veil("\n".join(texts)), KEPT) or ("(an image)" if images else "(nothing)")
    return Output(said, failed=result.is_error, images=images)
