"""Everything that can be asked of a router, right and wrong, by somebody who keeps what it says."""

import http.client
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chat import asked
from plain_client import Answer, PlainClient
from planted import Planted
from serving import Router

STATUSES = (400, 404, 413, 422, 500, 503, 429, 403, 401)
"""What a backend refuses with; the last ones let its keys rest."""

EVENTS = "/admin/events"
SILENCE_S = 4.0


def near_misses(value: str) -> list[str]:
    """What is almost a credential."""
    return ["", value[:-1], f"{value}x", value.swapcase(), f"{value} {value}"]


class Drive:
    """Asks a router whatever can be asked, right and wrong, and keeps what it says."""

    def __init__(self, router: Router, planted: Planted) -> None:
        self.planted = planted
        self._ask = PlainClient(router.url)
        self._admin = bearer(planted.secrets["admin token"])
        self._client = bearer(planted.secrets["client key"])

    def ask(self, verb: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send it as JSON, bytes as they are."""
        headers = self._admin if headers is None else headers
        if isinstance(body, bytes):
            answer = self._ask(verb, path, raw=body, headers={**headers, "Content-Type": "application/json"})
        else:
            answer = self._ask(verb, path, *([] if body is None else [body]), headers=headers)
        self.planted.hear(f"{verb} {path}", str(answer.headers))
        self.planted.hear(f"{verb} {path}", answer.body)
        return answer

    def everything(self) -> None:
        """All of it, once."""
        self.every_route()
        self.wrong_secrets()
        self.reads()
        with self.events():
            self.writes()
            self.calls()
        self.reads()

    @contextmanager
    def events(self) -> Generator[None]:
        """What the stream of events tells meanwhile."""
        place = urlsplit(self._ask.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=SILENCE_S)
        connection.request("GET", EVENTS, headers=self._admin)
        stream = connection.getresponse()
        yield
        told = list[bytes]()
        with suppress(TimeoutError):
            while line := stream.readline():
                told.append(line)
        connection.close()
        assert len(told) > 1
        self.planted.hear("events", b"".join(told))

    def hear_file(self, file: Path) -> None:
        """What was written there."""
        self.planted.hear(file.name, file.read_bytes())

    def every_route(self) -> None:
        """Each route of the document with bodies that are none, by strangers and by the administrator."""
        paths = self.ask("GET", "/openapi.json").json["paths"]
        names = {"section": "backends", "version": "1", "name": "inline", "id": "inline", "path": "a.md"}
        token = self.planted.secrets["admin token"]
        for path, operations in paths.items():
            target = path.format(**names)
            for verb in map(str.upper, operations):
                for shown in near_misses(token):
                    self.ask(verb, target, headers=bearer(shown))
                self.ask(verb, f"{target}?token={token}", headers={})
                self.ask(verb, target, headers={"Cookie": f"token={token}", "X-API-Key": token})
                if verb == "GET" and path != EVENTS:
                    self.ask(verb, target)
                elif verb not in {"GET", "DELETE"}:
                    for body in (b"", b"[]", f'{{"a": "{token}"'.encode(), {"a": token}):
                        self.ask(verb, target, body)

    def wrong_secrets(self) -> None:
        """Secrets where they are not right: of another type, in keys misspelt, in texts that do not parse."""
        value = self.planted.plant("value of a wrong input")
        twisted: list[Any] = [[value], {"a": value}, f"{value}\n", f" {value}"]
        for wrong in twisted:
            backend = {"name": "new", "url": "http://127.0.0.1:9", "models": ["n"]}
            self.ask("POST", "/admin/backends", {**backend, "api_key": wrong})
            self.ask("POST", "/admin/backends", {**backend, "headers": {"x-a": wrong}})
            self.ask("PUT", "/admin/backends/inline", {"api_keys": [wrong], "proxy": wrong})
            for section, config in (
                ("admin", {"auth": {"token": wrong, "password": wrong, "api_key": wrong, "tokn": wrong}}),
                ("metrics", {"auth": {"token": wrong}, "otlp": {"endpoint": "x", "headers": wrong}}),
                ("api_keys", {"api_keys": [{"key": wrong, "id": "x"}, {"kye": wrong}]}),
                ("backends", [{**backend, "api_kye": value, "api_key": wrong}]),
            ):
                self.ask("PATCH", f"/admin/config/{section}", {"config": config})
                self.ask("PUT", f"/admin/config/{section}", {"config": config})
                self.ask("POST", "/admin/config/validate", {"section": section, "config": config})
                content = {"format": "json", "content": json.dumps({section: config})}
                self.ask("POST", "/admin/config/import", content)
                self.ask("POST", "/admin/config/import", {**content, "dry_run": True})
        for url in (
            f"http://user:{value}@127.0.0.1:9",
            f"http://127.0.0.1:9/?key={value}",
            f"http://127.0.0.1:9#{value}",
        ):
            self.ask("POST", "/admin/backends", {"name": "new", "url": url})
        for form, text in BROKEN.items():
            broken = {"format": form.partition(",")[0], "content": text.replace("SECRET", value)}
            for dry_run in (False, True):
                self.ask("POST", "/admin/config/import", {**broken, "dry_run": dry_run})
        self.ask("PATCH", "/admin/config/admin", f'{{"config": {{"auth": {{"token": "{value}}}'.encode())

    def reads(self) -> None:
        """Whatever shows a part of the configuration or of what happened."""
        for path in ("full", "history", "history/1", "schema", "backends", "admin", "api_keys", "metrics", "prompts"):
            self.ask("GET", f"/admin/config/{path}")
        for path in ("backends", "backends/inline", "keys", "keys/inline", "keys/in-file", "stats"):
            self.ask("GET", f"/admin/{path}")
        self.ask(
            "POST", "/admin/route/explain", {"model": "m", "headers": {"authorization": self._client["Authorization"]}}
        )
        self.ask("GET", "/metrics")
        for shown in near_misses(self.planted.secrets["metrics token"]):
            self.ask("GET", "/metrics", headers=bearer(shown))
        self.ask("GET", "/metrics", headers=bearer(self.planted.secrets["metrics token"]))

    def writes(self) -> None:
        """Secrets that change, come back masked, are staged, exported and rolled back."""
        for name in ("rotated", "rotated again"):
            self.ask("PUT", "/admin/backends/inline", {"api_key": self.planted.plant(f"backend key, {name}", "sk-")})
        auth = {"password": self.planted.plant("admin password, changed")}
        self.ask("PATCH", "/admin/config/admin", {"config": {"auth": auth}})
        for form in ("yaml", "json", "toml"):
            exported = self.ask("POST", "/admin/config/export", {"format": form}).json
            masked = {"format": form, "content": exported["content"].replace("trace", "debug")}
            self.ask("POST", "/admin/config/import", {**masked, "dry_run": True})
            self.ask("POST", "/admin/config/import", {**masked, "apply": False})
            self.ask("POST", "/admin/config/apply", {"force": True})
            self.ask("PATCH", "/admin/config/logging", {"config": {"level": "trace"}})
        self.ask("POST", "/admin/config/rollback/1", {"dry_run": True})
        self.ask("POST", "/admin/config/rollback/1", {"sections": ["backends"]})
        current = self.ask("GET", "/admin/config/history").json["current_version"]
        for number in range(1, current + 1):
            self.ask("GET", f"/admin/config/history/{number}")
        self.ask("POST", "/admin/backends/inline/probe")
        self.ask("POST", "/admin/backends/behind/probe")

    def calls(self) -> None:
        """Models are asked through each backend, which confesses; by known clients and by others."""
        for mode in ("blocking", "permissive"):
            self.ask("PATCH", "/admin/config/api_keys", {"config": {"mode": mode}})
            for shown in near_misses(self.planted.secrets["client key of the file"]):
                self.ask("POST", "/v1/chat/completions", asked("m", user="400"), headers=bearer(shown))
            self.ask("GET", f"/v1/models?api_key={self.planted.secrets['client key']}", headers={})
        for user in (*map(str, STATUSES), "early", "late"):
            for name in ("inline", "several", "referring", "headed", "behind"):
                for stream in (False, True):
                    if stream or user.isdigit():
                        body = asked(f"only-{name}", user=user, stream=stream)
                        self.ask("POST", "/v1/chat/completions", body, headers=self._client)
        for path, more in (("completions", {"prompt": "a"}), ("embeddings", {"input": "a"})):
            self.ask("POST", f"/v1/{path}", {"model": "only-headed", "user": "400", **more}, headers=self._client)


BROKEN = {
    "yaml": "backends:\n- name: a\n  api_key: SECRET\n  url: [",
    "yaml, a tag": "backends: !!python/object:SECRET {}",
    "yaml, an anchor": "a: &SECRET 1\nb: *SECRET",
    "yaml, a key twice": "SECRET: 1\nSECRET: 2",
    "yaml, an unknown section": "backend:\n- api_key: SECRET",
    "json": '{"backends": [{"api_key": "SECRET"',
    "json, no quotes": '{"backends": [{"api_key": SECRET}]}',
    "toml": '[[backends]]\napi_key = "SECRET',
    "toml, no quotes": "[[backends]]\napi_key = SECRET",
}
"""Texts of a configuration that are none."""


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}
