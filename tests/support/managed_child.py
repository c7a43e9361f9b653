"""A server for test_managed.py, run as a child process; what it does is on its command line.

It holds a connection to the test, its leash: one JSON line says who it is, and its end is the end of the process.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    loading = 0
    status = 200

    def do_GET(self) -> None:
        if self.path == "/crash":
            sys.stdout.write("fatal: asked to crash\n")
            sys.stdout.flush()
            os._exit(7)
        status = type(self).status
        if type(self).loading > 0:
            type(self).loading -= 1
            status = 503
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Nothing: the tests look at what we print."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--leash", type=int, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--loading", type=int, default=0)
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("--offspring", action="store_true")
    parser.add_argument("--say", default="")
    parser.add_argument("--exit", type=int)
    parser.add_argument("--key")
    options = parser.parse_args()
    if options.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leash = socket.create_connection(("127.0.0.1", options.leash))
    about = {"pid": os.getpid(), "parent": os.getppid(), "port": options.port, "environ": dict(os.environ)}
    leash.sendall(json.dumps(about).encode() + b"\n")
    if options.say:
        sys.stderr.write(f"{options.say}\n")
        sys.stderr.flush()
    if options.exit is not None:
        sys.exit(options.exit)
    if options.offspring:
        subprocess.Popen([sys.executable, __file__, "--leash", str(options.leash)])
    if options.port is None:
        signal.pause()
        return
    Handler.loading, Handler.status = options.loading, options.status
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
