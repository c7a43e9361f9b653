"""Serves the HTTP API of a configuration file until Ctrl-C: what `continuum --mode http` does, in a program of yours.

python examples/standalone_server.py continuum.yaml 127.0.0.1:8080     (the address may be left out)
"""

import logging
import sys

import trio

from continuum import ConfigError, ContinuumRouter


async def main(file: str, address: str | None) -> None:
    """Serve until SIGINT or SIGTERM; open requests finish first."""
    builder = await ContinuumRouter.from_config_file(file)
    router = await builder.enable_hot_reload(on=False).build()  # edits of the file wait for the next start
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(router.serve, address)
        print("serving at", *urls, flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)  # the library leaves logging to its host
    try:
        trio.run(main, sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
    except* ConfigError as faults:
        sys.exit(str(faults.exceptions[0]))
