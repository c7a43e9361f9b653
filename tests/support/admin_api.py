"""The admin API's answers to httpx, held to the same rules as those to the plain client."""

from collections.abc import Callable
from typing import Any

import admin_contract
import httpx
from in_process import Served
from plain_client import Answer

Open = Callable[..., tuple[Served, httpx.Client]]
"""Starts an application with a configuration; gives it and a client of its admin API."""


def ok(response: httpx.Response) -> Any:
    """The body of a success."""
    return admin_contract.ok(_plain(response))


def refused(response: httpx.Response, status: int, code: str) -> Any:
    """The details of an error."""
    return admin_contract.refused(_plain(response), status, code)


def fault(response: httpx.Response) -> dict[str, str]:
    """The one fault of a refused configuration, as it is told."""
    details = admin_contract.refused(_plain(response), 400, "VALIDATION_ERROR", "Configuration validation failed")
    (only,) = details["errors"]
    admin_contract.judged([only])
    return dict(only)


def _plain(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)
