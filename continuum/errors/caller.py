"""What the caller must change: the request, the credential, or when it comes."""

from __future__ import annotations

from .base import ContinuumError


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
