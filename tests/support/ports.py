"""A port for programs that must be told one, and do not say which they were given when they ask for any."""

import random
import socket

LOWEST, HIGHEST = 15_000, 32_000
"""Below the ports that the kernel gives to whoever connects: between our look and its use nobody gets one by chance."""


def free_port() -> int:
    """A port that nobody listens on, at any address of this machine."""
    while True:
        port = random.randrange(LOWEST, HIGHEST)  # noqa: S311 - so that two runs at once do not take the same
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
