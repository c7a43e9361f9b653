"""The pages: a Quart-Trio app. Errors have OpenAI's form here."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from continuum.dialects import DIALECTS
from continuum.errors import ContinuumError, InternalError, MethodNotAllowed, ModelNotFound, NotFound
from continuum.http.admin.openapi import document
from continuum.http.errors import headers_of, status_of
from continuum.http.mounting import mounted_at
from continuum.http.pages import principal_of

if TYPE_CHECKING:
    from hypercorn.typing import HTTPScope

    from continuum.core import Principal
    from continuum.providers import ModelInfo
    from continuum.runtime import Instance

__all__ = ["make_app"]


def make_app(instance: Instance) -> QuartTrio:
    """The app for one instance."""
    app = QuartTrio("continuum")
    app.config["RESPONSE_TIMEOUT"] = None
    app.url_map.merge_slashes = False  # a model's id may hold any, and nothing is redirected
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it, the base class has not

    _add_models(app, instance)
    _add_openapi(app)
    _add_errors(app)
    return app


def _add_models(app: QuartTrio, instance: Instance) -> None:
    @app.get("/v1/models")
    async def models() -> dict[str, object]:
        return {"object": "list", "data": [_shown(model) for model in instance.models(_caller())]}

    @app.get("/v1/models/<path:name>")
    async def model(name: str) -> dict[str, object]:
        for info in instance.models(_caller()):
            if info.id == name:
                return _shown(info)
        raise ModelNotFound(f"The model '{name}' does not exist or no backend serves it", param="model")


def _add_openapi(app: QuartTrio) -> None:
    @app.get("/openapi.json")
    async def openapi() -> dict[str, object]:
        prefix = mounted_at(cast("HTTPScope", request.scope))
        return {**document(), "servers": [{"url": prefix}]} if prefix else document()


def _add_errors(app: QuartTrio) -> None:
    @app.errorhandler(HTTPException)
    async def refused(fault: HTTPException) -> Response:
        kind, words = _REFUSALS.get(fault.code or 0, (InternalError, "the request failed"))
        methods = getattr(fault, "valid_methods", None)
        return _error(kind(words, details={"allow": ", ".join(sorted(methods))} if methods else None))

    @app.errorhandler(ContinuumError)
    async def failed(fault: ContinuumError) -> Response:
        return _error(fault)


def _caller() -> Principal:
    return principal_of(cast("HTTPScope", request.scope))


def _shown(model: ModelInfo) -> dict[str, object]:
    return {"id": model.id, "object": "model", "created": model.created, "owned_by": model.owned_by}


_REFUSALS: dict[int, tuple[type[ContinuumError], str]] = {
    404: (NotFound, "there is nothing at this path"),
    405: (MethodNotAllowed, "this path does not take this method"),
}


def _error(error: ContinuumError) -> Response:
    body = DIALECTS["openai_chat"].write_error(error)
    headers = {name.decode(): value.decode() for name, value in headers_of(error)}
    return Response(body, status_of(error), headers)
