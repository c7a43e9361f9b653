"""llama.cpp's own HTTP server around one model, in this process and on loopback; imported in the child process only."""

from __future__ import annotations

import importlib
import signal
from pathlib import Path
from typing import Any, Final

from continuum.backends.local.machine import LocalModelError
from continuum.backends.local.template import CHAT_TEMPLATE

__all__ = ["serve"]

# The wheel has no types.
_llama: Any = importlib.import_module("xllamacpp")

_SLOTS: Final = 2
_CONTEXT: Final = 8192
"""Tokens, over all slots: what the model was trained on."""

_LONGEST_ANSWER: Final = 1024
"""Tokens, where a request sets no limit: a model as small as this may never come to an end by itself."""

_PROMPT_CACHE_MIB: Final = 256
_SILENT: Final = -1


def parameters(model: Path, port: int, alias: str, template: str) -> Any:
    """What the server is told; only what differs from llama.cpp's defaults."""
    chosen = _llama.CommonParams()
    chosen.model.path = str(model)
    chosen.model_alias = {alias}
    chosen.hostnames = ["127.0.0.1"]
    chosen.port = port
    chosen.cors_origins = ""  # no web page talks to it
    chosen.ui = False
    chosen.n_parallel = _SLOTS
    chosen.n_ctx = _CONTEXT
    chosen.n_predict = _LONGEST_ANSWER
    chosen.cache_ram_mib = _PROMPT_CACHE_MIB  # the default is 8 GiB
    # llama.cpp's threads spin while they wait for each other: on two busy cores one is several times faster.
    chosen.cpuparams.n_threads = 1
    chosen.cpuparams_batch.n_threads = 1
    chosen.warmup = False
    chosen.use_jinja = True
    chosen.chat_template = template
    chosen.verbosity = _SILENT
    return chosen


def serve(
    model: Path, port: int, alias: str, *, template: str = CHAT_TEMPLATE, temperature: float | None = None
) -> None:
    """Serve until a signal ends the process. LocalModelError: the file is no model, or the port is taken.

    temperature: for requests that name none; None: llama.cpp's own default.
    """
    chosen = parameters(model, port, alias, template)
    if temperature is not None:
        chosen.sampling.temp = temperature
    try:
        server = _llama.Server(chosen)
    except RuntimeError as error:
        raise LocalModelError(
            "llama.cpp cannot serve the model: not a GGUF file it knows, or the port is taken"
        ) from error
    signal.pause()
    del server  # it lives as long as this name
