"""The request, both ways: a body read into a ChatRequest, a ChatRequest written as a body. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from continuum.chat import (
    ChatRequest,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    ResponseFormat,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from continuum.dialects.openai_chat.wire import NAME
from continuum.dialects.raw import JsonObject, is_list, is_object
from continuum.errors import InvalidRequest

__all__ = ["read_request", "write_request"]

_ROLES = {"system", "developer", "user", "assistant", "tool"}
_SCALARS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "user": "user",
    "parallel_tool_calls": "parallel_tool_calls",
    "reasoning_effort": "reasoning_effort",
}
"""Fields of one meaning and one name on both sides."""

_READ_ELSEWHERE = {
    "model", "messages", "tools", "tool_choice", "response_format", "max_tokens", "max_completion_tokens",
    "stop", "n", "stream", "stream_options", *_SCALARS,
}  # fmt: skip


def read_request(body: bytes) -> ChatRequest:
    """The request a client's body makes. Raises InvalidRequest naming the field at fault."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("the body is not valid JSON", code="invalid_json") from None
    if not is_object(value):
        raise InvalidRequest("the body must be a JSON object", code="invalid_json")
    return from_fields(value)


def from_fields(body: JsonObject) -> ChatRequest:
    """The request of a body that is already decoded (as the library's callers pass it)."""
    messages = body.get("messages")
    if not is_list(messages):
        raise InvalidRequest("'messages' must be a list", param="messages", code="invalid_type")
    if not isinstance(body.get("model"), str):
        raise InvalidRequest("'model' must be a string", param="model", code="invalid_type")
    stop = body.get("stop")
    request = ChatRequest(
        model=body["model"],
        messages=[_read_message(message, f"messages[{i}]") for i, message in enumerate(messages)],
        tools=[_read_tool(tool, f"tools[{i}]") for i, tool in enumerate(body.get("tools") or ())],
        tool_choice=_read_tool_choice(body.get("tool_choice")),
        response_format=_read_format(body.get("response_format")),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stop=[stop] if isinstance(stop, str) else list(stop or ()),
        n=body.get("n") or 1,
        extra={name: value for name, value in body.items() if name not in _READ_ELSEWHERE},
    )
    for name, attribute in _SCALARS.items():
        if body.get(name) is not None:
            setattr(request, attribute, body[name])
    return request


def _read_message(value: Any, place: str) -> Message:
    if not is_object(value) or value.get("role") not in _ROLES:
        raise InvalidRequest(f"'{place}.role' must be one of {', '.join(sorted(_ROLES))}", param=place)
    parts: list[Part] = []
    if thought := value.get("reasoning_content"):
        parts.append(Reasoning(thought))
    content = _read_content(value.get("content"), f"{place}.content")
    if value["role"] == "tool":
        shown: list[Text | Image] = [part for part in content if isinstance(part, Text | Image)]
        return Message("tool", [ToolResult(str(value.get("tool_call_id", "")), shown)])
    parts.extend(content)
    for call in value.get("tool_calls") or ():
        function: JsonObject = call.get("function") or {}
        parts.append(ToolUse(call.get("id", ""), function.get("name", ""), function.get("arguments", "")))
    return Message(value["role"], parts, value.get("name"))


def _read_content(content: Any, place: str) -> list[Part]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not is_list(content) or not all(is_object(part) for part in content):
        raise InvalidRequest(f"'{place}' must be text or a list of parts", param=place)
    return [_read_part(part) for part in content]


def _read_part(part: JsonObject) -> Part:
    match part.get("type"):
        case "text" if isinstance(part.get("text"), str):
            return Text(part["text"])
        case "image_url" if is_object(image := part.get("image_url")) and isinstance(image.get("url"), str):
            return Image(image["url"], image.get("detail"))
        case _:
            return Opaque(NAME, part)


def _read_tool(value: Any, place: str) -> Tool:
    function = value.get("function") if is_object(value) else None
    if not is_object(function) or not isinstance(function.get("name"), str):
        raise InvalidRequest(f"'{place}' must be a function with a name", param=place)
    return Tool(function["name"], function.get("description"), function.get("parameters"), function.get("strict"))


def _read_tool_choice(value: Any) -> ToolChoice | None:
    match value:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(value)
        case {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice("tool", name)
        case _:
            raise InvalidRequest("'tool_choice' must be auto, none, required or a function", param="tool_choice")


def _read_format(value: Any) -> ResponseFormat | None:
    if value is None:
        return None
    kind = value.get("type") if is_object(value) else None
    if kind in ("text", "json_object"):
        return ResponseFormat(kind)
    named = value.get("json_schema") if kind == "json_schema" else None
    if not is_object(named):
        raise InvalidRequest("'response_format' must be text, json_object or json_schema", param="response_format")
    return ResponseFormat("json_schema", named.get("name"), named.get("schema"), named.get("strict"))


def write_request(request: ChatRequest, *, model: str, stream: bool) -> bytes:
    """The body that asks a backend; streams always ask for usage."""
    body: dict[str, object] = {
        "model": model,
        "messages": [written for message in request.messages for written in _write_message(message)],
        "stream": stream,
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [_write_tool(tool) for tool in request.tools]
    if choice := request.tool_choice:
        named = {"type": "function", "function": {"name": choice.name}}
        body["tool_choice"] = named if choice.mode == "tool" else choice.mode
    if request.response_format is not None:
        body["response_format"] = _write_format(request.response_format)
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.stop:
        body["stop"] = request.stop
    if request.n != 1:
        body["n"] = request.n
    for name, attribute in _SCALARS.items():
        if (value := getattr(request, attribute)) is not None:
            body[name] = value
    return msgspec.json.encode({**body, **request.extra})


def _write_message(message: Message) -> list[dict[str, object]]:
    """The wire's messages for one of ours: each tool result is a message of its own there."""
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    written: list[dict[str, object]] = [
        {"role": "tool", "tool_call_id": result.id, "content": _write_content(result.content) or ""}
        for result in results
    ]
    rest = [part for part in message.parts if not isinstance(part, ToolResult)]
    if rest or not results:
        written.append(_write_plain(message, rest))
    return written


def _write_plain(message: Message, parts: Sequence[Part]) -> dict[str, object]:
    shown = [part for part in parts if isinstance(part, Text | Image | Opaque)]
    calls = [part for part in parts if isinstance(part, ToolUse)]
    body: dict[str, object] = {"role": message.role, "content": _write_content(shown)}
    if message.name is not None:
        body["name"] = message.name
    thoughts = "".join(part.text for part in parts if isinstance(part, Reasoning))
    if thoughts:
        body["reasoning_content"] = thoughts
    if calls:
        body["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
    elif body["content"] is None:
        body["content"] = ""
    return body


def _write_content(parts: Sequence[Text | Image | Opaque]) -> object:
    if not parts:
        return None
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [written for part in parts if (written := _write_part(part)) is not None]


def _write_part(part: Text | Image | Opaque) -> dict[str, object] | None:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(url, detail):
            return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}
        case Opaque(dialect, data):
            return data if dialect == NAME else None


def _write_tool(tool: Tool) -> dict[str, object]:
    optional = {"description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    given = {name: value for name, value in optional.items() if value is not None}
    return {"type": "function", "function": {"name": tool.name, **given}}


def _write_format(wanted: ResponseFormat) -> dict[str, object]:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    optional = {"schema": wanted.schema, "strict": wanted.strict}
    given = {name: value for name, value in optional.items() if value is not None}
    return {"type": "json_schema", "json_schema": {"name": wanted.name or "answer", **given}}
