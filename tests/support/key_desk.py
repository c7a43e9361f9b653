"""Where client keys are made over real HTTP, and what a client with one is told."""

import json
from pathlib import Path
from typing import Any

import httpx
from admin_api import Open, ok
from in_process import Served
from patience import PATIENCE_S

CONFIGURED = "sk-configured-key-4711"
FILED = "sk-filed-client-key-0815"
OPEN = (200, None)
SHUT = (401, "invalid_api_key")


class Desk:
    """A router that lets nobody in without a key, its admin API, and what its clients are told."""

    def __init__(self, open_admin: Open, home: Path, upstream_url: str) -> None:
        file = home / "client-keys.yaml"
        file.write_text(f"- {{key: {FILED}, id: filed}}\n")
        file.chmod(0o600)
        self.configuration: dict[str, Any] = {
            "backends": [{"name": "a", "type": "openai", "url": upstream_url, "models": ["test-model", "other"]}],
            "api_keys": {
                "mode": "blocking",
                "api_keys": [{"key": CONFIGURED, "id": "configured", "rate_limit": 500}],
                "api_keys_file": str(file),
            },
        }
        self.router: Served
        self.api: httpx.Client
        self.router, self.api = open_admin(self.configuration)

    def make(self, **body: Any) -> tuple[str, str]:
        """Id and secret of a new key."""
        made = ok(self.api.post("/keys", json=body))
        return made["key"]["id"], made["secret"]

    def ask(self, secret: str, model: str = "test-model") -> tuple[int, str | None]:
        """Status and code of a call with this key."""
        body = {"model": model, "messages": [{"role": "user", "content": "x"}]}
        headers = {"authorization": f"Bearer {secret}"}
        with httpx.Client(trust_env=False, timeout=PATIENCE_S) as client:
            answer = client.post(f"{self.router.url}/v1/chat/completions", json=body, headers=headers)
        return answer.status_code, None if answer.status_code == 200 else answer.json()["error"]["code"]

    def audit(self) -> list[dict[str, Any]]:
        """What the audit log says of keys."""
        file = self.router.folder / "audit.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [line for line in lines if line.get("event", "").startswith("key ")]
