"""Content blocks of a prompt to the parts of a chat message. Pure."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence

from continuum import chat

from . import schema
from .jsonrpc import INVALID_PARAMS, RpcError, well_formed

__all__ = ["user_message"]


def user_message(blocks: Sequence[schema.ContentBlock]) -> chat.Message:
    """The user's message. RpcError -32602: a block that cannot be carried, by its place.

    Neighbouring texts become one part: small servers take a message's content as one string only.
    """
    if not blocks:
        raise RpcError(INVALID_PARAMS, "Invalid params: prompt must not be empty")
    parts: list[chat.Part] = []
    for place, block in enumerate(blocks):
        part = _part(block, f"prompt[{place}]")
        last = parts[-1] if parts else None
        if isinstance(part, chat.Text) and isinstance(last, chat.Text):
            last.text += "\n" + part.text
        else:
            parts.append(part)
    return chat.Message("user", parts)


def _part(block: schema.ContentBlock, place: str) -> chat.Text | chat.Image:
    match block:
        case schema.Text():
            return chat.Text(well_formed(block.text))
        case schema.ResourceLink():
            note = f": {block.description}" if block.description else ""
            return chat.Text(well_formed(f"[{block.title or block.name}]({block.uri}){note}"))
        case schema.EmbeddedResource(resource):
            return _resource(resource, place)
        case schema.Image():
            return _image(block.data, block.mime_type, f"{place}.data")
        case schema.Audio():
            raise RpcError(INVALID_PARAMS, f"Invalid params: {place}: audio is not among promptCapabilities")


def _resource(resource: schema.ResourceContents, place: str) -> chat.Text | chat.Image:
    if resource.text is not None:
        return chat.Text(well_formed(f'<resource uri="{resource.uri}">\n{resource.text}\n</resource>'))
    if resource.blob is None:
        raise RpcError(INVALID_PARAMS, f"Invalid params: {place}.resource has neither text nor blob")
    kind = resource.mime_type or "application/octet-stream"
    if kind.startswith("image/"):
        return _image(resource.blob, kind, f"{place}.resource.blob")
    return chat.Text(well_formed(f'<resource uri="{resource.uri}" type="{kind}">binary, not shown</resource>'))


def _image(data: str, kind: str, place: str) -> chat.Image:
    try:
        b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RpcError(INVALID_PARAMS, f"Invalid params: {place} is not base64") from error
    if not kind.startswith("image/"):
        raise RpcError(INVALID_PARAMS, f"Invalid params: {place}: {kind!r} is not an image type")
    return chat.Image(f"data:{well_formed(kind)};base64,{data}")
