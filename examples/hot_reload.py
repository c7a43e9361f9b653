"""Watches a configuration file while the router runs: edit the file, and see what is in force.

python examples/hot_reload.py continuum.yaml     (ends with Ctrl-C, or when there are no backends left)
"""

import sys

import trio

from continuum import ContinuumRouter


async def main(file: str) -> None:
    """Tell each configuration that is committed, whoever changed it: the file, the admin API, this program."""
    builder = await ContinuumRouter.from_config_file(file)
    async with await builder.enable_hot_reload().build() as router:
        if (handle := router.config_handle()) is None:
            sys.exit("only a router of a configuration in code has none")
        changes = handle.subscribe()
        print("watching", file, flush=True)
        async for config in changes:
            names = ", ".join(backend.name for backend in config.backends)
            print(f"in force: {names or 'no backends'}; strategy {config.selection_strategy}", flush=True)
            if not config.backends:
                break


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
