"""Launches Continuum as an ACP agent, asks one question and prints the answer as it streams. Standard library only.

python examples/acp_client.py "Why is the sky blue?" --local     (options after the question go to continuum)
"""

import json
import subprocess
import sys
from pathlib import Path

question, *options = sys.argv[1:] or ["Say hello."]
beside = Path(sys.executable).with_name("continuum")  # as in a virtual environment
command = [str(beside) if beside.exists() else "continuum", "--mode", "stdio", *options]
agent = subprocess.Popen(  # noqa: S603 (the arguments are the user's own)
    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
)


def ask(method: str, params: dict[str, object]) -> dict[str, str]:
    """Send one request; print what streams by until its answer comes."""
    request = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
    print(json.dumps(request), file=agent.stdin, flush=True)
    for line in agent.stdout or ():
        message = json.loads(line)
        if message.get("id") == method:
            result: dict[str, str] = message.get("result") or sys.exit(f"{method}: {message['error']['message']}")
            return result
        update = message["params"]["update"]
        if update["sessionUpdate"] == "agent_message_chunk":
            print(update["content"]["text"], end="", flush=True)
    sys.exit(f"{method}: the agent went away")


ask("initialize", {"protocolVersion": 1})
session = ask("session/new", {"cwd": str(Path.cwd()), "mcpServers": []})["sessionId"]
turn = ask("session/prompt", {"sessionId": session, "prompt": [{"type": "text", "text": question}]})
print(f"\n[{turn['stopReason']}]")
agent.communicate()  # closes its input, which ends it
sys.exit(agent.returncode)
