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
|  |- BackendNotFound 404           |- BackendExists 409
|  |- KeyNotFound 404               |- KeyExists 409
|  |- KeyConfigured 409             `- KeyChanged 409, a VersionConflict
|- NotRunning 503                   its program has not started the router
|- ShuttingDown 503                 the process is draining
`- InternalError 500                our fault

Messages are for callers: they never hold a URL, key, header value, path of ours or foreign exception text.
"""

from .base import ContinuumError, InternalError, NotRunning, RouterError, ShuttingDown
from .caller import (
    CallerError,
    ContentTooLarge,
    ExpectationFailed,
    HeadTooLarge,
    HostNotAllowed,
    InvalidRequest,
    MethodNotAllowed,
    ModelNotFound,
    NotFound,
    NotImplementedHere,
    PermissionDenied,
    RateLimited,
    RequestTimeout,
    TargetTooLong,
    Unauthenticated,
    Unsupported,
    UnsupportedMediaType,
    VersionNotSupported,
)
from .config import (
    BackendExists,
    BackendNotFound,
    ConfigError,
    ConfigLocked,
    ConfigProblem,
    InvalidSection,
    KeyChanged,
    KeyConfigured,
    KeyExists,
    KeyNotFound,
    ParseError,
    SectionNotFound,
    VersionConflict,
    VersionNotFound,
)
from .routing import AttemptsExhausted, AttemptsTimedOut, CircuitOpen, NoBackendAvailable, RoutingError
from .upstream import (
    ConnectFailed,
    DeadlinePassed,
    StaleConnection,
    StreamBroken,
    UpstreamDenied,
    UpstreamError,
    UpstreamFailed,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamThrottled,
    UpstreamTimeout,
)

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
    "KeyChanged",
    "KeyConfigured",
    "KeyExists",
    "KeyNotFound",
    "MethodNotAllowed",
    "ModelNotFound",
    "NoBackendAvailable",
    "NotFound",
    "NotImplementedHere",
    "NotRunning",
    "ParseError",
    "PermissionDenied",
    "RateLimited",
    "RequestTimeout",
    "RouterError",
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
