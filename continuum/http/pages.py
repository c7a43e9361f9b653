"""The routes that are not calls to a model: a Quart-Trio app. Errors have OpenAI's form here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Response
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from continuum.dialects import DIALECTS
from continuum.errors import ContinuumError, InternalError, MethodNotAllowed, NotFound
from continuum.http.errors import headers_of, status_of
from continuum.version import VERSION

if TYPE_CHECKING:
    from continuum.runtime import Instance

__all__ = ["make_pages"]

_DOCS = "POST /v1/chat/completions, GET /v1/models, GET /health"


def make_pages(instance: Instance) -> QuartTrio:
    """The app for one instance."""
    app = QuartTrio("continuum")
    app.config["RESPONSE_TIMEOUT"] = None
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it, the base class has not

    @app.get("/")
    async def root() -> dict[str, str]:
        return {"name": "continuum", "version": VERSION, "docs": _DOCS}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": VERSION}

    @app.get("/v1/models")
    async def models() -> dict[str, object]:
        listed = [
            {"id": model.id, "object": "model", "created": model.created, "owned_by": model.owned_by}
            for model in instance.models()
        ]
        return {"object": "list", "data": listed}

    @app.errorhandler(HTTPException)
    async def refused(fault: HTTPException) -> Response:
        kind, words = _REFUSALS.get(fault.code or 0, (InternalError, "the request failed"))
        methods = getattr(fault, "valid_methods", None)
        return _error(kind(words, details={"allow": ", ".join(sorted(methods))} if methods else None))

    @app.errorhandler(ContinuumError)
    async def failed(fault: ContinuumError) -> Response:
        return _error(fault)

    return app


_REFUSALS: dict[int, tuple[type[ContinuumError], str]] = {
    404: (NotFound, "there is nothing at this path"),
    405: (MethodNotAllowed, "this path does not take this method"),
}


def _error(error: ContinuumError) -> Response:
    body = DIALECTS["openai_chat"].write_error(error)
    headers = {name.decode(): value.decode() for name, value in headers_of(error)}
    return Response(body, status_of(error), headers)
