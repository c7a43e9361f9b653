"""A first configuration file, as text: what was found, what was not, and what else could be said. Writes nothing."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Any

from continuum.backends import local
from continuum.config import SECTIONS
from continuum.config.codec import dump
from continuum.config.sections.server import Server
from continuum.runtime.discover import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from continuum.runtime.discover import Discovery

__all__ = ["outline"]

_HEAD = """\
# Continuum's configuration, as first written by `continuum config init`.
# `continuum config docs` explains every key, `continuum config check` judges this file,
# `continuum --mode http` serves it.
"""

_WHERE = """\
# Where to listen. Without this, the next free port is taken where this one is in use.
# server:
#   bind_address: {}
"""

_EXAMPLE = """\
# No backend was found. One could look like this:
# backends:
#   - name: openai
#     type: openai
#     api_key: ${OPENAI_API_KEY}     # from the environment: no secret stands in this file
#   - name: desk
#     url: http://127.0.0.1:8000     # any server that speaks OpenAI's API
"""


def outline(discovery: Discovery) -> str:
    """YAML that loads as it is, as long as the variables that were found are set."""
    parts = [
        _HEAD,
        _WHERE.format(Server.model_fields["bind_address"].default),
        _backends(discovery),
        indent("\n".join(["Looked for on this machine:", *rows(discovery.findings)]), "# ") + "\n",
        indent("\n".join(["Further sections, each with its defaults until it is written here:", *_sections()]), "# ")
        + "\n",
    ]
    return "\n".join(parts)


def _backends(discovery: Discovery) -> str:
    if discovery.embedded:
        return "# The embedded demonstration model.\n" + dump(local.backend_config_data())
    if not discovery.backends:
        return _EXAMPLE
    data: dict[str, Any] = {"backends": [backend.as_written() for backend in discovery.backends]}
    return dump(data)


def _sections() -> Iterator[str]:
    said = {"server", "backends"}
    width = max(map(len, SECTIONS))
    for name, info in SECTIONS.items():
        if name not in said:
            yield f"{name:{width}}  {info.description}"
