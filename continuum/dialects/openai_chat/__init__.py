"""OpenAI's chat completions: request, response, stream and errors, both ways. Sans-I/O."""

from continuum.dialects.openai_chat.envelope import Envelope, open_envelope
from continuum.dialects.openai_chat.errors import ErrorView, read_error, write_error
from continuum.dialects.openai_chat.request import from_fields, read_request, write_request
from continuum.dialects.openai_chat.response import read_response, read_usage, write_response
from continuum.dialects.openai_chat.stream import DONE, StreamReader, StreamWriter
from continuum.dialects.openai_chat.wire import NAME, usage_in, usage_out

__all__ = [
    "DONE",
    "NAME",
    "Envelope",
    "ErrorView",
    "StreamReader",
    "StreamWriter",
    "from_fields",
    "open_envelope",
    "read_error",
    "read_request",
    "read_response",
    "read_usage",
    "usage_in",
    "usage_out",
    "write_error",
    "write_request",
    "write_response",
]
