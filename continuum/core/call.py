"""One request as it enters the core, from whichever transport."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from continuum.chat import Operation, opening
from continuum.core.access import ANONYMOUS
from continuum.core.estimate import ANSWER, prompt_tokens, request_tokens, text_tokens
from continuum.dialects import DIALECTS, Dialect
from continuum.errors import Unsupported

if TYPE_CHECKING:
    from continuum.chat import ChatRequest, GlobalPrompt
    from continuum.core.access import Principal
    from continuum.core.contents import Record
    from continuum.dialects.openai_chat import Envelope

__all__ = ["Call"]


class Call:
    """What is asked, and in which form the answer is wanted.

    It holds either a client's body (`envelope`, sent on as it is where the backend speaks the client's dialect)
    or a `request` of our own making. show_usage: whether a streamed answer shows usage to the caller.
    affinity: what calls of one session have in common, where they say so. principal: who asks. client: the address
    asked from; None where there is none, as in a session on stdio. timeout: seconds that the caller gives it. record:
    where what is said is to be logged.
    """

    __slots__ = (
        "affinity",
        "client",
        "dialect",
        "envelope",
        "model",
        "operation",
        "principal",
        "record",
        "request",
        "request_id",
        "show_usage",
        "stream",
        "timeout",
    )

    def __init__(
        self,
        operation: Operation,
        *,
        dialect: Dialect,
        model: str,
        stream: bool,
        show_usage: bool,
        request_id: str,
        affinity: str | None = None,
        envelope: Envelope | None = None,
        request: ChatRequest | None = None,
        principal: Principal = ANONYMOUS,
        client: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self.operation = operation
        self.dialect = dialect
        self.model = model
        self.stream = stream
        self.show_usage = show_usage
        self.request_id = request_id
        self.affinity = affinity
        self.envelope = envelope
        self.request = request
        self.principal = principal
        self.client = client
        self.timeout = timeout
        self.record: Record | None = None

    @classmethod
    def of_chat(cls, request: ChatRequest, *, request_id: str, affinity: str | None = None) -> Call:
        """A streamed call of our own making: its frames are read for their events."""
        return cls(
            Operation.CHAT,
            dialect=DIALECTS["openai_chat"],
            model=request.model,
            stream=True,
            show_usage=True,
            request_id=request_id,
            affinity=affinity,
            request=request,
        )

    @classmethod
    def of_body(
        cls,
        operation: Operation,
        dialect: Dialect,
        envelope: Envelope,
        *,
        request_id: str,
        affinity: str | None = None,
        principal: Principal = ANONYMOUS,
        client: str | None = None,
        timeout: float | None = None,
    ) -> Call:
        """A client's own body."""
        return cls(
            operation,
            dialect=dialect,
            model=envelope.model,
            stream=envelope.stream,
            show_usage=envelope.include_usage,
            request_id=request_id,
            affinity=affinity,
            envelope=envelope,
            principal=principal,
            client=client,
            timeout=timeout,
        )

    def redirected(self, model: str, *, keep_parameters: bool) -> Call:
        """The same call to another model."""
        other = copy(self)
        other.model = model
        if not keep_parameters:
            other.envelope = self.envelope and self.envelope.without_parameters()
            other.request = self.request and self.request.without_parameters()
        return other

    def opening(self, length: int) -> str:
        """The prompt's first `length` characters; "" where it holds no text."""
        if self.envelope is not None:
            return self.envelope.opening(length)
        return opening(self.request.messages, length) if self.request is not None else ""

    def estimate(self, added: GlobalPrompt | None = None) -> tuple[int, int]:
        """Tokens of its prompt and of its answer, as far as that can be said now. added: what is put into it."""
        if self.envelope is not None:
            bound, prompt = self.envelope.answer_bound(), prompt_tokens(self.envelope.body)
        else:
            assert self.request is not None, "a call holds one of the two"  # noqa: S101 - our own slip
            bound, prompt = self.request.max_tokens, request_tokens(self.request)
        prompt += text_tokens(added.text) if added is not None else 0
        return prompt, 0 if self.operation is Operation.EMBEDDING else ANSWER if bound is None else bound

    def render(self, dialect: Dialect, *, model: str, stream: bool, prompt: GlobalPrompt | None = None) -> bytes:
        """The body for a backend that speaks `dialect` and knows the model as `model`. prompt: for a chat alone."""
        if self.envelope is not None and dialect is self.dialect:
            once = bool(self.principal.models)  # who may not use every model must not name one that we did not read
            return self.envelope.render(model=model, stream=stream, include_usage=True, prompt=prompt, once=once)
        if self.request is None:
            raise Unsupported("this kind of request cannot be translated for the backend")
        request = self.request
        if prompt is not None:
            request = replace(request, messages=prompt.added_to(request.messages))
        return dialect.write_request(request, model=model, stream=stream)
