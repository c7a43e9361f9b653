"""Answers of the admin API, read as strictly as the contract words them."""

from collections.abc import Callable
from typing import Any

import httpx
from in_process import Served

Open = Callable[..., tuple[Served, httpx.Client]]
"""Starts an application with a configuration; gives it and a client of its admin API."""


def ok(response: httpx.Response) -> Any:
    """The body of an answer that went well."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    return response.json()


def refused(response: httpx.Response, status: int, code: str) -> Any:
    """The details of an error."""
    body = response.json()
    assert (response.status_code, body["error_code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert set(body) == {"error_code", "message", "details"}
    assert isinstance(body["details"], dict)
    return body["details"]


def fault(response: httpx.Response) -> dict[str, str]:
    """The one fault of a refused configuration."""
    (only,) = refused(response, 400, "VALIDATION_ERROR")["errors"]
    assert response.json()["message"] == "Configuration validation failed"
    assert only["code"] == "VALIDATION_ERROR"
    return dict(only)
