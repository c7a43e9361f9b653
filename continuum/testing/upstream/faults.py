"""The table of faults: every way in which an upstream fails or is merely odd, one row each, with what to expect.

A new fault is a new row; nothing else knows their names.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import framing, openai
from .answers import Answer, Completion, FirstOnly, HeadThen, Part, Plain, Raw, Stream
from .odd import Bomb, CloseDelimited, Endless, Gzipped, Then, WhenStreamed
from .steps import END, Close, Hang, Pause, Reset, Send


class Promise(enum.Enum):
    """What a caller behind a good gateway sees."""

    REPLACED = "another backend's answer"
    INTERRUPTED = "everything received, then one error event, never a normal end"
    WHOLE = "the whole answer"
    RELAYED = "the same status, after one attempt"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row.

    `plain` and `stream` say for which requests it differs from a good answer; a `silent` one ends only when the
    caller's patience does; one that does not `listen`, or is `deaf` to who knocks, has no answer to give.
    """

    text: str
    promise: Promise
    answer: Answer
    plain: bool = True
    stream: bool = True
    silent: bool = False
    listens: bool = True
    deaf: bool = False


def fault_of(model: str) -> Fault | None:
    """The row that a model named `fault/NAME` asks for."""
    family, _, name = model.partition("/")
    return FAULTS.get(name) if family == "fault" else None


def _early(text: str, answer: Answer, *, silent: bool = False) -> Fault:
    return Fault(text, Promise.REPLACED, answer, silent=silent)


def _early_in_stream(text: str, *tail: Part, role: bool = True, silent: bool = False) -> Fault:
    answer = WhenStreamed(Stream((), role=role, tail=tail))
    return Fault(text, Promise.REPLACED, answer, plain=False, silent=silent)


def _late(text: str, *tail: Part, silent: bool = False) -> Fault:
    answer = WhenStreamed(Stream(TWO_WORDS, tail=tail))
    return Fault(text, Promise.INTERRUPTED, answer, plain=False, silent=silent)


def _odd(text: str, answer: Answer) -> Fault:
    return Fault(text, Promise.WHOLE, answer)


def _odd_stream(text: str, stream: Stream) -> Fault:
    return Fault(text, Promise.WHOLE, WhenStreamed(stream), plain=False)


def _framed(text: str, frame: Callable[[str], bytes]) -> Fault:
    return _odd_stream(text, Stream(framing=frame))


def _status(
    status: int,
    message: str,
    kind: str,
    promise: Promise,
    *,
    headers: Sequence[tuple[str, str]] = (),
    code: str | None = None,
) -> Fault:
    answer = Plain(openai.error(message, kind, code), status, tuple(headers))
    return Fault(f"answers {status}: {message}", promise, answer)


def _failed(status: int, message: str) -> Fault:
    return _status(status, message, "server_error", Promise.REPLACED)


def _denied(status: int, message: str) -> Fault:
    return _status(status, message, "authentication_error", Promise.REPLACED, code="invalid_api_key")


def _rejected(status: int, message: str) -> Fault:
    return _status(status, message, "invalid_request_error", Promise.RELAYED)


TWO_WORDS = openai.WORDS[:2]
BOM = b"\xef\xbb\xbf"
DONE = b"data: [DONE]\n\n"
ERROR_EVENT = b'data: {"error":{"message":"The model fell over.","type":"server_error","code":"boom"}}\n\n'
BROKEN_EVENT = b'data: {"id": "chatcmpl-upstream", "choices": [{"delta": {"content"\n\n'
OK_LINE = b"HTTP/1.1 200 OK\r\n"
PAGE = Plain(b"<html><body>Welcome</body></html>", headers=(("content-type", "text/html"),))
TWO_LENGTHS = Plain(b"{}", headers=(("content-length", "2"), ("content-length", "3")))
HUGE_LINE: tuple[Part, ...] = (b"data: ", *[b"x" * 2**16] * 144, b"\n\n")
SLOW_WORDS: tuple[Part, ...] = tuple(part for word in openai.WORDS for part in (Pause(0.05), word))

_BEFORE_CONTENT: dict[str, Fault] = {
    "refuse": Fault("does not listen", Promise.REPLACED, Raw((Reset(),)), listens=False),
    "blackhole": Fault(
        "takes no connection and refuses none", Promise.REPLACED, Raw((Hang(),)), silent=True, deaf=True
    ),
    "silent": _early("reads the request and says nothing", Raw((Hang(),)), silent=True),
    "drip-head": _early(
        "drips the head without end", Endless((Send(OK_LINE + b"x-drip: "),), (Pause(0.1), Send(b"a"))), silent=True
    ),
    "reset-before-head": _early("reads the request, then RST", Raw((Reset(),))),
    "close-before-head": _early("reads the request, then FIN", Raw((Close(),))),
    "garbage-before-head": _early("answers in no HTTP", Raw((Send(b"\x16\x03\x01 nonsense\r\n\r\n"), Close()))),
    "half-head": _early("FIN within the head", Raw((Send(OK_LINE + b"conte"), Close()))),
    "head-then-silence": _early("the head, then nothing", HeadThen((Hang(),)), silent=True),
    "head-then-reset": _early("the head, then RST", HeadThen((Reset(),))),
    "head-then-close": _early("the head, then FIN", HeadThen((Close(),))),
    "role-then-silence": _early_in_stream("nothing after the role chunk", Hang(), silent=True),
    "role-then-reset": _early_in_stream("RST after the role chunk", Reset()),
    "role-then-close": _early_in_stream("FIN after the role chunk", Close()),
    "role-then-end": _early_in_stream("the body ends after the role chunk", END),
    "empty-stream": _early_in_stream("200 and an empty stream", END, role=False),
    "done-first": _early_in_stream("200 and [DONE] alone", DONE, END, role=False),
    "error-event-first": _early_in_stream("200, then an error event before any content", ERROR_EVENT, END),
    "broken-event-first": _early_in_stream("a broken event before any content", BROKEN_EVENT, "late", END),
    "endless-line": _early_in_stream("one event of 9 MiB", *HUGE_LINE, END),
    "status-500": _failed(500, "Internal error."),
    "status-502": _failed(502, "Bad gateway."),
    "status-503": _failed(503, "Not ready."),
    "status-504": _failed(504, "Gateway timeout."),
    "status-529": _failed(529, "Overloaded."),
    "status-429": _status(
        429,
        "Rate limit reached.",
        "requests",
        Promise.REPLACED,
        headers=[("retry-after", "7")],
        code="rate_limit_exceeded",
    ),
    "status-401": _denied(401, "Incorrect API key provided."),
    "status-403": _denied(403, "This key may not do that."),
    "redirect": _early("answers 302", Plain(b"", 302, (("location", "http://127.0.0.1:9/"),))),
    "broken-json": _early("200 with JSON that stops early", Plain(b'{"id": "chatcmpl-upstream", "choices": [')),
    "html": _early("200 with a web page", PAGE),
    "empty": _early("200 without a body", Plain(b"")),
    "short-body": _early("FIN before the declared length", HeadThen((Send(b'{"id": "chat'), Close()))),
    "bomb": _early("a body that decodes to 33 MiB", Bomb()),
    "two-lengths": _early("two different content lengths", TWO_LENGTHS),
}

_AFTER_CONTENT: dict[str, Fault] = {
    "cut-by-reset": _late("RST after two words", Reset()),
    "cut-by-close": _late("FIN after two words", Close()),
    "cut-by-end": _late("the body ends after two words, without finish_reason or [DONE]", END),
    "cut-inside-event": _late("FIN within the third event", b'data: {"id": "chatcmpl-up', Close()),
    "silence-after-content": _late("nothing after two words", Hang(), silent=True),
    "error-event-late": _late("an error event after two words", ERROR_EVENT, END),
    "broken-event-late": _late("a broken event after two words", BROKEN_EVENT, DONE, END),
    "endless-line-late": _late("an event of 9 MiB after two words", *HUGE_LINE, END),
    "bad-chunk-size": _late("an impossible chunk size after two words", Pause(0.5), Send(b"zz\r\n"), Close()),
}

_WHOLE: dict[str, Fault] = {
    "no-done": _odd_stream("finish_reason but no [DONE]", Stream(done=False)),
    "no-end": _odd_stream("RST after [DONE], without the end of the body", Stream(end=Reset())),
    "crlf": _framed("lines end in CRLF", framing.crlf),
    "lone-cr": _framed("lines end in a bare CR", framing.lone_cr),
    "comments": _framed("comments between and inside events", framing.commented),
    "no-space": _framed("no space after the colon", framing.tight),
    "other-fields": _framed("id, event, retry and unknown fields", framing.other_fields),
    "several-lines": _framed("one event over several data lines", framing.several_lines),
    "bom": _odd_stream("a byte order mark first", Stream((BOM, *openai.WORDS), role=False)),
    "split-utf8": _odd_stream("every byte in an HTTP chunk of its own", Stream(("naïve ", "日本 ", "🙂"), piece=1)),
    "slow-drip": _odd_stream("a pause before each word", Stream(SLOW_WORDS)),
    "gzip": _odd("compressed although not asked", Gzipped()),
    "close-delimited": _odd("no length: FIN ends the body", CloseDelimited()),
    "surplus": _odd("bytes after the body", Then(Completion(), (Send(b"surplus"),))),
    "stale-keep-alive": _odd("FIN when a kept connection is used again", FirstOnly(Completion(), Raw((Close(),)))),
}

_CALLERS_FAULT: dict[str, Fault] = {
    "status-400": _rejected(400, "Invalid value for 'temperature'."),
    "status-404": _rejected(404, "No such model here."),
    "status-413": _rejected(413, "Too large."),
    "status-422": _rejected(422, "Unprocessable."),
}

FAULTS: dict[str, Fault] = {**_BEFORE_CONTENT, **_AFTER_CONTENT, **_WHOLE, **_CALLERS_FAULT}
