"""Every error Continuum raises, one tree; faces (HTTP, JSON-RPC, CLI) render them, nobody else words them.

ContinuumError                      code, http_status, rpc_code, retryable
|- CallerError                      the caller must change something
|  |- InvalidRequest 400            |- Unsupported 400          |- Unauthenticated 401
|  |- PermissionDenied 403          |- ModelNotFound 404        |- NotFound 404
|  |- MethodNotAllowed 405          |- RequestTimeout 408       |- ContentTooLarge 413
|  |- TargetTooLong 414             |- UnsupportedMediaType 415
|  |- HostNotAllowed 403            |- RateLimited 429          |- HeadTooLarge 431
|  |- ExpectationFailed 417         |- NotImplementedHere 501   `- VersionNotSupported 505
|- RoutingError                     no attempt gave an answer
|  |- NoBackendAvailable 503        |- CircuitOpen 503
|  |- AttemptsExhausted 502         `- AttemptsTimedOut 504
|- UpstreamError                    one attempt failed
|  |- ConnectFailed                 |- UpstreamTimeout          |- UpstreamProtocolError
|  |- StaleConnection               |- UpstreamRejected         |- UpstreamThrottled
|  |- UpstreamDenied                |- UpstreamFailed           |- DeadlinePassed
|  `- StreamBroken
|- ConfigError                      the configuration is not usable
|  |- ParseError                    its text cannot be read
|  |- VersionNotFound 404           |- VersionConflict 409      |- ConfigLocked 409
|  |- SectionNotFound 404           |- InvalidSection 400
|  |- BackendNotFound 404           `- BackendExists 409
|- ShuttingDown 503                 the process is draining
`- InternalError 500                our fault

Messages are for callers: they never hold a URL, key, header value, path of ours or foreign exception text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "AttemptsExhausted",
    "AttemptsTimedOut",
    "BackendExists",
    "BackendNotFound",
    "CallerError",
    "CircuitOpen",
    "ConfigError",
    "ConfigLocked",
    "ConfigProblem",
    "ConnectFailed",
    "ContentTooLarge",
    "ContinuumError",
    "DeadlinePassed",
    "ExpectationFailed",
    "HeadTooLarge",
    "HostNotAllowed",
    "InternalError",
    "InvalidRequest",
    "InvalidSection",
    "MethodNotAllowed",
    "ModelNotFound",
    "NoBackendAvailable",
    "NotFound",
    "NotImplementedHere",
    "ParseError",
    "PermissionDenied",
    "RateLimited",
    "RequestTimeout",
    "RoutingError",
    "SectionNotFound",
    "ShuttingDown",
    "StaleConnection",
    "StreamBroken",
    "TargetTooLong",
    "Unauthenticated",
    "Unsupported",
    "UnsupportedMediaType",
    "UpstreamDenied",
    "UpstreamError",
    "UpstreamFailed",
    "UpstreamProtocolError",
    "UpstreamRejected",
    "UpstreamThrottled",
    "UpstreamTimeout",
    "VersionConflict",
    "VersionNotFound",
    "VersionNotSupported",
]


class ContinuumError(Exception):
    """Root of the tree. `message` is safe to show to a caller.

    param: the request field at fault. retry_after: seconds until trying again makes sense.
    details: further plain facts for faces that can carry them.
    """

    code: str = "internal_error"
    http_status: int = 500
    rpc_code: int = -32603
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.param = param
        self.retry_after = retry_after
        self.details = dict(details or {})


class CallerError(ContinuumError):
    """The caller must change the request; trying again as it is cannot help."""

    code = "invalid_request_error"
    http_status = 400
    rpc_code = -32602


class InvalidRequest(CallerError):
    """The request is not well-formed, or a field has a value that cannot be."""


class Unsupported(CallerError):
    """The request is legal, but nothing here can carry it; the message names what."""

    code = "unsupported"


class Unauthenticated(CallerError):
    """A credential is needed and none that is known came."""

    code = "invalid_api_key"
    http_status = 401
    rpc_code = -32000


class PermissionDenied(CallerError):
    """The credential is known and does not reach this far."""

    code = "permission_denied"
    http_status = 403


class HostNotAllowed(CallerError):
    """The request names a host that is not answered here: perhaps a web page's, aimed at this address."""

    code = "host_not_allowed"
    http_status = 403


class NotFound(CallerError):
    """There is nothing at that path."""

    code = "not_found"
    http_status = 404
    rpc_code = -32002


class ModelNotFound(CallerError):
    """No backend, alias or rule serves the model."""

    code = "model_not_found"
    http_status = 404
    rpc_code = -32602


class MethodNotAllowed(CallerError):
    """The path exists, the verb does not."""

    code = "method_not_allowed"
    http_status = 405


class RequestTimeout(CallerError):
    """The caller's request did not arrive in time."""

    code = "request_timeout"
    http_status = 408


class ExpectationFailed(CallerError):
    """The request expects something that is not done here."""

    code = "expectation_failed"
    http_status = 417


class NotImplementedHere(CallerError):
    """A method or a transfer coding of HTTP that is not spoken here."""

    code = "not_implemented"
    http_status = 501


class VersionNotSupported(CallerError):
    """The request is of a version of HTTP that is not spoken here."""

    code = "version_not_supported"
    http_status = 505


class ContentTooLarge(CallerError):
    """The body is over the limit."""

    code = "content_too_large"
    http_status = 413


class TargetTooLong(CallerError):
    """Path and query are over the limit."""

    code = "target_too_long"
    http_status = 414


class HeadTooLarge(CallerError):
    """The head has too many fields, or too many bytes."""

    code = "head_too_large"
    http_status = 431


class UnsupportedMediaType(CallerError):
    """The body is of a type or encoding that is not read here."""

    code = "unsupported_media_type"
    http_status = 415


class RateLimited(CallerError):
    """A limit is used up, ours or (when all of them throttle) the backends'."""

    code = "rate_limit_exceeded"
    http_status = 429
    rpc_code = -32603


class RoutingError(ContinuumError):
    """No attempt gave an answer; the request itself may be fine."""

    code = "upstream_error"
    http_status = 502


class NoBackendAvailable(RoutingError):
    """No backend can be tried; `details` says why each candidate was out."""

    code = "no_backend"
    http_status = 503


class CircuitOpen(NoBackendAvailable):
    """Every backend that could answer has failed too often and is left alone until `retry_after`."""

    code = "circuit_open"


class AttemptsExhausted(RoutingError):
    """Each permitted attempt failed; `details["ends"]` lists backend and kind of fault. last: the last one's."""

    last: UpstreamError | None = None


class AttemptsTimedOut(AttemptsExhausted):
    """The last attempt ran out of time."""

    code = "upstream_timeout"
    http_status = 504


class UpstreamError(ContinuumError):
    """One attempt at one backend failed. `counts` says whether that is the backend's fault; `status` is what it
    answered, where that is the failure.
    """

    code = "upstream_error"
    http_status = 502
    retryable = True
    counts: ClassVar[bool] = True
    status: int | None = None

    def answered(self, status: int) -> Self:
        """The same, with the status that was answered."""
        self.status = status
        return self


class ConnectFailed(UpstreamError):
    """No connection: refused, unreachable, no such name, TLS, or a managed server that did not start. `cause` is a word
    for it where one is known.
    """

    def __init__(self, message: str, *, cause: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.cause = cause


class UpstreamTimeout(UpstreamError):
    """The backend did not answer in time."""

    code = "upstream_timeout"
    http_status = 504


class DeadlinePassed(UpstreamTimeout):
    """The caller's own deadline, shorter than ours, has passed: no fault of the backend's."""

    retryable = False
    counts = False


class UpstreamProtocolError(UpstreamError):
    """The backend's bytes are not an answer: broken HTTP, broken JSON, cut short."""


class StaleConnection(UpstreamProtocolError):
    """A connection closed without one byte of an answer: tried once more on a fresh one, free of charge."""

    counts = False


class UpstreamRejected(UpstreamError):
    """The backend found the request at fault (400, 404, 413, 422): relayed, never retried. too_long: because the
    prompt does not fit the model's context.
    """

    retryable = False
    counts = False
    too_long = False

    def __init__(
        self,
        message: str,
        *,
        status: int,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, code=code or "invalid_request_error", param=param)
        self.http_status = self.status = status
        self.kind = kind


class UpstreamThrottled(UpstreamError):
    """The backend answered 429; `retry_after` when it said so."""

    code = "rate_limit_exceeded"
    http_status = 429
    counts = False


class UpstreamDenied(UpstreamError):
    """The backend refused our credential (401, 403)."""

    code = "upstream_auth"
    counts = False


class UpstreamFailed(UpstreamError):
    """The backend answered 5xx or reported an error before the first content."""


class StreamBroken(UpstreamError):
    """The answer broke off after content was passed on: told to the caller, never retried, never hidden."""

    code = "stream_interrupted"
    retryable = False


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One fault of a configuration: where, which key, which rule, and the value that broke it. `rule` and `shown` name
    a secret value only masked. line and column count from 1.
    """

    rule: str
    key: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    shown: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        rule = f"{self.rule} (got {self.shown})" if self.shown else self.rule
        return ": ".join(part for part in (place, self.key, rule) if part)


class ConfigError(ContinuumError):
    """The configuration has faults: all of them, a line each."""

    code = "VALIDATION_ERROR"
    http_status = 400

    def __init__(self, problems: Sequence[ConfigProblem], *, details: Mapping[str, object] | None = None) -> None:
        super().__init__("\n".join(map(str, problems)), details=details)
        self.problems = tuple(problems)


class ParseError(ConfigError):
    """The configuration's text cannot be read as YAML, TOML or JSON."""

    code = "PARSE_ERROR"


class VersionNotFound(ConfigError):
    """A version of the configuration that never was, or is not kept any more."""

    code = "VERSION_NOT_FOUND"
    http_status = 404

    def __init__(self, number: int) -> None:
        super().__init__([ConfigProblem(f"version {number} is not there, or not kept any more")])


class VersionConflict(ConfigError):
    """The configuration has changed since the caller looked at it."""

    code = "VERSION_CONFLICT"
    http_status = 409

    def __init__(self, current: int) -> None:
        rule = f"the configuration has changed: version {current} is in force"
        super().__init__([ConfigProblem(rule)], details={"current_version": current})


class ConfigLocked(ConfigError):
    """Another process writes this configuration's versions; details name it."""

    code = "CONFIG_LOCKED"
    http_status = 409

    def __init__(self, pid: int | None) -> None:
        rule = f"process {pid or '(unknown)'} holds this configuration: change it there"
        super().__init__([ConfigProblem(rule)], details={"pid": pid})


class SectionNotFound(ConfigError):
    """A section of the configuration that is none, in a place where one is read."""

    code = "SECTION_NOT_FOUND"
    http_status = 404

    def __init__(self, name: str, available: Sequence[str]) -> None:
        super().__init__([ConfigProblem(f"Configuration section '{name}' not found")])
        self.details = {"available_sections": list(available)}


class InvalidSection(SectionNotFound):
    """The same, in a place where one is written."""

    code = "INVALID_SECTION"
    http_status = 400


class BackendNotFound(ConfigError):
    """No backend has this name."""

    code = "BACKEND_NOT_FOUND"
    http_status = 404

    def __init__(self, name: str) -> None:
        super().__init__([ConfigProblem(f"Backend '{name}' not found")])


class BackendExists(ConfigError):
    """A backend has this name already."""

    code = "BACKEND_EXISTS"
    http_status = 409

    def __init__(self, name: str) -> None:
        super().__init__([ConfigProblem(f"Backend '{name}' already exists")])
        self.details = {"existing_backend": name}


class ShuttingDown(ContinuumError):
    """The process is draining and takes no new calls."""

    code = "shutting_down"
    http_status = 503


class InternalError(ContinuumError):
    """Our own fault; the log has the rest."""
