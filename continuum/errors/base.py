"""The root of the tree, and the errors that are nobody else's fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


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


RouterError = ContinuumError
"""Its name in the reference API."""


class NotRunning(ContinuumError):
    """A router that a host program has not started."""

    code = "not_running"
    http_status = 503

    def __init__(self) -> None:
        super().__init__("the router is not running: its program has to enter it first (async with router)")


class ShuttingDown(ContinuumError):
    """The process is draining and takes no new calls."""

    code = "shutting_down"
    http_status = 503


class InternalError(ContinuumError):
    """Our own fault; the log has the rest."""
