"""An MCP server as a program, in no need of any package: well-behaved, or with one of the faults a server can have.

`python mcp_server.py FAULT`, FAULT one of the names in FAULTS, or `none`.
"""

import json
import os
import signal
import sys
import time
from typing import Any

FAULTS = (
    *("ends", "noise", "flood", "wrong_ids", "hang", "huge_list", "endless_list", "endless_line", "ends_in_call"),
    *("closes", "deaf"),
)


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def tool(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return {"name": name, "description": f"The tool {name}", "inputSchema": schema}


def answer(method: str, params: dict[str, Any], fault: str) -> dict[str, Any]:
    match method:
        case "initialize":
            version = params["protocolVersion"]
            info = {"name": "double", "version": "1"}
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list" if fault == "huge_list":
            return {"tools": [tool(f"t{number}") for number in range(2000)]}
        case "tools/list" if fault == "endless_list":
            return {"tools": [tool("t")], "nextCursor": "again"}
        case "tools/list":
            return {"tools": [tool("echo"), tool("environment"), tool("slow"), tool("fail")]}
        case "tools/call":
            return call(params["name"], params.get("arguments") or {}, fault)
        case _:
            return {}


def call(name: str, arguments: dict[str, Any], fault: str) -> dict[str, Any]:
    if fault == "ends_in_call":
        sys.stderr.write("out of memory\n")
        sys.exit(3)
    if name == "slow":
        time.sleep(60)
    said = {
        "echo": f"you said {arguments.get('text')}",
        "environment": json.dumps(dict(os.environ)),
        "fail": "it does not work",
    }[name]
    return {"content": [{"type": "text", "text": said}], "isError": name == "fail"}


def misbehave(fault: str) -> None:
    """Before a word was said."""
    if fault == "none":
        sys.stdout.write("a banner, as many print\n")
    if fault == "ends":
        sys.stderr.write("no licence\n")
        sys.exit(7)
    while fault == "noise":
        sys.stdout.write("noise\n")
    while fault == "endless_line":
        sys.stdout.write("x" * 65536)
    while fault == "flood":
        send({"method": "notifications/message", "params": {"level": "info", "data": "x"}})
    if fault == "hang":
        time.sleep(60)
    if fault == "closes":
        os.close(1)
        time.sleep(60)
    if fault == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def main(fault: str, pid_file: str | None) -> None:
    if pid_file:
        with open(pid_file, "a", encoding="ascii") as file:  # noqa: PTH123 - a program that imports little
            file.write(f"{os.getpid()}\n")
    misbehave(fault)
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            ident = message["id"] + 1000 if fault == "wrong_ids" else message["id"]
            send({"id": ident, "result": answer(message["method"], message.get("params") or {}, fault)})
    while fault == "deaf":
        time.sleep(60)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)
