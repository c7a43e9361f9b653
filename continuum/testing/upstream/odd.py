"""Answers that only a fault needs, built from the ordinary ones."""

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from . import openai
from .answers import JSON_TYPE, SSE_TYPE, Answer, Completion, Plain, Stream, dumps
from .request import Request
from .steps import END, Close, Send, Step, head


@dataclass(frozen=True, slots=True)
class WhenStreamed:
    """A stream that misbehaves; plain requests get the ordinary answer."""

    stream: Stream

    def steps(self, request: Request) -> Iterable[Step]:
        """As the request asks."""
        return (self.stream if request.streaming else Completion()).steps(request)


@dataclass(frozen=True, slots=True)
class Endless:
    """Some steps once, then others until the caller goes away."""

    first: tuple[Step, ...]
    again: tuple[Step, ...]

    def steps(self, request: Request) -> Iterator[Step]:  # noqa: ARG002 - the protocol's signature
        """Never ends."""
        yield from self.first
        while True:
            yield from self.again


@dataclass(frozen=True, slots=True)
class Then:
    """An answer, then steps that do not belong to it."""

    answer: Answer
    after: tuple[Step, ...]

    def steps(self, request: Request) -> Iterator[Step]:
        """The answer first."""
        yield from self.answer.steps(request)
        yield from self.after


@dataclass(frozen=True, slots=True)
class Gzipped:
    """The ordinary answer, compressed although nobody asked."""

    def steps(self, request: Request) -> Iterable[Step]:
        """The whole body compressed in one go."""
        data = gzip.compress(_body(request), mtime=0)
        headers = (("content-encoding", "gzip"),)
        if request.streaming:
            return Stream((data,), headers=headers, role=False, tail=(END,)).steps(request)
        return Plain(data, headers=headers).steps(request)


@dataclass(frozen=True, slots=True)
class Bomb:
    """A small body that decodes to more than anybody should take."""

    size: int = 33 * 2**20

    def steps(self, request: Request) -> Iterable[Step]:
        """An answer of that many characters, compressed."""
        return Plain(_bomb(request.model, self.size), headers=(("content-encoding", "gzip"),)).steps(request)


@dataclass(frozen=True, slots=True)
class CloseDelimited:
    """The ordinary answer without any length: the end of the connection ends the body."""

    def steps(self, request: Request) -> Iterator[Step]:
        """Head, body, FIN."""
        kind = SSE_TYPE if request.streaming else JSON_TYPE
        yield Send(head(200, (kind, ("connection", "close"))))
        yield Send(_body(request))
        yield Close()


@lru_cache(maxsize=4)
def _bomb(model: str, size: int) -> bytes:
    """It takes a while to make."""
    whole = openai.completion(model, {"content": "x" * size}, "length", 1)
    return gzip.compress(dumps(whole).encode(), compresslevel=1, mtime=0)


def _body(request: Request) -> bytes:
    """The ordinary answer's body alone."""
    if request.streaming:
        return Stream().body(request)
    message = {"content": "".join(openai.WORDS)}
    return dumps(openai.completion(request.model, message, "stop", len(openai.WORDS))).encode()
