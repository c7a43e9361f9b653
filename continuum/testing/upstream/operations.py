"""Answers of the operations beside chat: text completions and embeddings, deterministic; no socket is touched here."""

import base64
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from . import openai
from .answers import Part, Plain, Stream
from .request import Request
from .steps import END, Step


@dataclass(frozen=True, slots=True)
class TextCompletion:
    """A text completion, plain or streamed as the request asks. With a `tail` only that follows a stream's words."""

    words: tuple[str, ...] = openai.WORDS
    tail: tuple[Part, ...] | None = None

    def steps(self, request: Request) -> Iterable[Step]:
        """A Stream or a Plain, as asked."""
        return self.answer(request).steps(request)

    def answer(self, request: Request) -> Stream | Plain:
        """What is answered, for those who want to alter it."""
        if not request.streaming:
            whole = self._body(request.model, "".join(self.words), "stop")
            return Plain({**whole, "usage": openai.usage(len(self.words))})
        parts: list[Part] = [self._body(request.model, word, None) for word in self.words]
        return Stream(tuple(parts), role=False, tail=self._end(request) if self.tail is None else self.tail)

    def _end(self, request: Request) -> tuple[Part, ...]:
        counted: dict[str, Any] = {**self._body(request.model, "", None), "choices": []}
        usage = [{**counted, "usage": openai.usage(len(self.words))}] if request.wants_usage else []
        return (self._body(request.model, "", "stop"), *usage, b"data: [DONE]\n\n", END)

    @staticmethod
    def _body(model: str, text: str, finish_reason: str | None) -> dict[str, Any]:
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish_reason}
        head = {"id": "cmpl-upstream", "object": "text_completion", "created": openai.CREATED, "model": model}
        return {**head, "choices": [choice]}


VECTOR = (0.25, -1.5, 3.0)
"""What everything is embedded as: exact in 32 bits."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector for each text or list of tokens, in the encoding asked for."""

    model: str | None = None

    def steps(self, request: Request) -> Iterable[Step]:
        """A whole answer."""
        given: Any = cast("dict[str, Any]", request.json)
        inputs: list[Any] = given["input"] if isinstance(given["input"], list) else [given["input"]]
        if inputs and isinstance(inputs[0], int):
            inputs = [inputs]  # tokens of one text
        packed = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
        vector = packed if given.get("encoding_format") == "base64" else list(VECTOR)
        data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(len(inputs))]
        usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
        body = {"object": "list", "data": data, "model": self.model or request.model, "usage": usage}
        return Plain(body).steps(request)
