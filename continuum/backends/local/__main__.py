"""The child process of the embedded model: `python -m continuum.backends.local --port N`.

It is run under the guardian of continuum.backends.managed, which ends it; it handles no signal itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from continuum.backends.local.backend import MODEL_ID
from continuum.backends.local.machine import LocalModelError, check
from continuum.backends.local.model import ensure_model


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m continuum.backends.local", description="Serve the embedded model.")
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1 to listen on")
    parser.add_argument("--model", type=Path, help="a GGUF file to serve instead of the demonstration model")
    parser.add_argument("--temperature", type=float, help="for requests that name none: 0 always says the same")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    options = _options()
    try:
        check()
        model = options.model or ensure_model(_say)
        # Only now: loading llama.cpp on a CPU it is not built for ends the process without a word.
        from continuum.backends.local.server import serve

        serve(model, options.port, MODEL_ID, temperature=options.temperature)
    except LocalModelError as error:
        _say(error.message)
        sys.exit(1)
