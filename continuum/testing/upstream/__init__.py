"""A scripted upstream on a real socket, with the face of any vendor: what it answers, and how it fails, is data.

    async with open_upstream() as upstream:
        upstream.push(Stream(("Hel", Wait(gate), "lo")), FAULTS["cut-by-reset"].answer)
        ...                      # point a backend at upstream.url
        call = await upstream.next_call()
        await call.aborted()     # the caller closed before its answer was complete

From a shell, to rehearse a set-up: `python -m continuum.testing.upstream --fault cut-by-reset`.
"""

from .answers import Answer, Completion, FirstOnly, HeadThen, Plain, Raw, Stream, ToolCall
from .deaf import deafened
from .faces import FACES, Face
from .faults import FAULTS, Fault, Promise, fault_of
from .openai import WORDS
from .operations import Embeddings, TextCompletion
from .request import Request
from .server import Connection, Script, Upstream, open_upstream
from .steps import END, Close, Hang, Pause, Reset, Send, Step, Wait, stream_data

__all__ = [
    "END",
    "FACES",
    "FAULTS",
    "WORDS",
    "Answer",
    "Close",
    "Completion",
    "Connection",
    "Embeddings",
    "Face",
    "Fault",
    "FirstOnly",
    "Hang",
    "HeadThen",
    "Pause",
    "Plain",
    "Promise",
    "Raw",
    "Request",
    "Reset",
    "Script",
    "Send",
    "Step",
    "Stream",
    "TextCompletion",
    "ToolCall",
    "Upstream",
    "Wait",
    "deafened",
    "fault_of",
    "open_upstream",
    "stream_data",
]
