"""OpenAI's chat completions: request, response, stream and errors, both ways. Sans-I/O."""

from continuum.dialects.openai_chat.envelope import Envelope, Subject, open_envelope
from continuum.dialects.openai_chat.errors import TOO_LONG, ErrorView, read_error, read_stream_error, write_error
from continuum.dialects.openai_chat.request import from_fields, read_request, write_request
from continuum.dialects.openai_chat.response import join_logprobs, read_response, read_usage, write_response
from continuum.dialects.openai_chat.stream import DONE, StreamReader, StreamWriter, unusual
from continuum.dialects.openai_chat.wire import NAME, WireUsage, usage_in, usage_out

__all__ = [
    "DONE",
    "NAME",
    "TOO_LONG",
    "Envelope",
    "ErrorView",
    "StreamReader",
    "StreamWriter",
    "Subject",
    "WireUsage",
    "from_fields",
    "join_logprobs",
    "open_envelope",
    "read_error",
    "read_request",
    "read_response",
    "read_stream_error",
    "read_usage",
    "unusual",
    "usage_in",
    "usage_out",
    "write_error",
    "write_request",
    "write_response",
]
