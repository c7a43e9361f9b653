"""The scripted upstream as a command, for rehearsing a set-up: prints its URL and serves until SIGTERM or SIGINT."""

import argparse
import signal
import sys
from collections.abc import Sequence

import trio

from .answers import Answer, Completion
from .faces import FACES
from .faults import FAULTS, fault_of
from .request import Request
from .server import open_upstream
from .steps import Pause, Step

DESCRIPTION = """A deterministic OpenAI-compatible server on 127.0.0.1 that fails on request.
Without --fault a request picks its fault by naming the model `fault/NAME`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(argv)
    if options.list:
        for name, fault in FAULTS.items():
            print(f"{name:22} {fault.text} -> {fault.promise.value}")  # noqa: T201 - the command's output
        return 0
    try:
        trio.run(_serve, options)
    except OSError as fault:  # a port that cannot be had
        print(f"continuum.testing.upstream: port {options.port}: {fault.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("continuum.testing.upstream", description=DESCRIPTION)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--fault", choices=FAULTS, metavar="NAME", help="fail every chat request in this way")
    parser.add_argument("--looks", choices=FAULTS, metavar="NAME", help="fail model lists and probes in this way")
    parser.add_argument("--face", choices=FACES, default="openai", help="whose server it looks like")
    parser.add_argument("--model", action="append", help="an id for /v1/models; may be repeated")
    parser.add_argument("--gap", type=float, default=0.0, metavar="SECONDS", help="pause before each further word")
    parser.add_argument("--list", action="store_true", help="print the table of faults")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    gap: tuple[Step, ...] = (Pause(options.gap),) if options.gap else ()

    def script(request: Request) -> Answer:
        fault = FAULTS[options.fault] if options.fault else fault_of(request.model)
        return fault.answer if fault else Completion(gap=gap)

    door = FAULTS[options.fault or "no-done"]  # any that can be connected to
    models = options.model or ["test-model"]
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with open_upstream(
            script, models=models, face=options.face, port=options.port, listens=door.listens, deaf=door.deaf
        ) as upstream:
            if options.looks:
                answer = FAULTS[options.looks].answer
                upstream.pages = dict.fromkeys(upstream.face.pages(models), answer)
            print(upstream.url, flush=True)  # noqa: T201 - the command's output
            await anext(signals)


if __name__ == "__main__":
    sys.exit(main())
