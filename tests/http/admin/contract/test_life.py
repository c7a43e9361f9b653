"""Versions over restarts, the file that is never written, two processes, and credentials that change under way."""

import base64
import signal
from pathlib import Path
from typing import Any

import trio
import yaml
from admin_contract import CLIENT, TIME, Site, ok, refused, section, version
from child import Child
from plain_client import PlainClient
from serving import Router, config, running

FILE = "continuum-under-test.yaml"


def settings(home: Path, **more: Any) -> dict[str, Any]:
    """One backend that is nowhere; the file is read on SIGHUP only."""
    entry = {"name": "a", "url": "http://127.0.0.1:9", "models": ["m"], "api_key": "sk-key-of-this-test-1234"}
    return config(entry, storage={"dir": str(home / "state")}, hot_reload={"enabled": False}, **more)


def site_of(process: Router, home: Path) -> Site:
    return Site(PlainClient(process.url), home, (home / "state/admin.token").read_text().strip())


def newest(ask: PlainClient) -> dict[str, Any]:
    (entry,) = ok(ask("GET", "/config/history?limit=1"))["history"]
    return dict(entry)


def test_versions_survive_restarts_and_the_file_is_never_written(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    file = tmp_path / FILE
    with running(tmp_path, wanted) as process:
        ask = site_of(process, tmp_path).ask
        written = file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino
        first = newest(ask)
        assert TIME.match(first.pop("timestamp"))
        assert first.pop("description", "words")
        assert first == {
            "version": 1,
            "sections_changed": first["sections_changed"],
            "source": "initial",
            "user": "system",
            "rollback_available": True,
        }
        assert ok(ask("PATCH", "/config/logging", {"config": {"level": "debug"}}))["version"] == 2
        ok(ask("PUT", "/backends/a/weight", {"weight": 7}))
        assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino) == written
        token = site_of(process, tmp_path).token
    with running(tmp_path, wanted) as process:
        ask = site_of(process, tmp_path).ask
        assert site_of(process, tmp_path).token == token
        assert version(ask) == 3, "an unchanged file: the last version goes on"
        assert (section(ask, "logging")["level"], section(ask, "backends")[0]["weight"]) == ("debug", 7)
        first_again = ok(ask("GET", "/config/history/1"))
        assert first_again["source"] == "initial"
        wanted["retry"] = {"max_attempts": 6}
        file.write_text(yaml.safe_dump(wanted))
        process.signal(signal.SIGHUP)
        process.wait_for_line("version 4")
        entry = newest(ask)
        assert (entry["version"], entry["source"], entry["user"]) == (4, "file_reload", "system")
        assert entry["description"] == "Configuration file changed"
        assert entry["sections_changed"] == ["retry"]
        assert section(ask, "logging")["level"] == "debug", "an edit elsewhere does not undo what the API did"
    wanted["fallback"] = {"enabled": True}
    with running(tmp_path, wanted) as process:
        ask = site_of(process, tmp_path).ask
        entry = newest(ask)
        assert (entry["version"], entry["source"], entry["user"]) == (5, "file_reload", "system")
        assert entry["sections_changed"] == ["fallback"]
        assert ok(ask("POST", "/config/rollback/1"))["new_version"] == 6


async def test_another_process_that_holds_the_lock(tmp_path: Path) -> None:
    def both() -> None:
        with running(tmp_path, settings(tmp_path)) as first:
            command = ["-m", "continuum", "--mode", "http", "--config", str(tmp_path / FILE)]
            with Router(command, home=tmp_path) as second:
                ask = site_of(second.wait_until_listening(), tmp_path).ask
                assert section(ask, "logging")["level"] == "info"
                for answer in (
                    ask("PATCH", "/config/logging", {"config": {"level": "debug"}}),
                    ask("PUT", "/config/logging", {"config": {"level": "debug"}}),
                    ask("PUT", "/backends/a/weight", {"weight": 7}),
                    ask("DELETE", "/backends/a"),
                ):
                    assert refused(answer, 409, "CONFIG_LOCKED") == {"pid": first.pid}
                assert version(site_of(first, tmp_path).ask) == 1

    await trio.to_thread.run_sync(both)


def test_credentials_that_change_under_way(tmp_path: Path) -> None:
    keys = {"mode": "blocking", "api_keys": [{"key": CLIENT, "id": "c", "scopes": ["read", "write", "files", "admin"]}]}
    with running(tmp_path, settings(tmp_path, api_keys=keys)) as process:
        site = site_of(process, tmp_path)
        client_key = {"Authorization": f"Bearer {CLIENT}"}
        refused(site.stranger("GET", "/config/full", headers=client_key), 401, "UNAUTHORIZED")
        refused(site.stranger("GET", "/config/full", headers={"X-API-Key": CLIENT}), 401, "UNAUTHORIZED")
        assert newest(site.ask)["user"] == "system"

        auth: dict[str, Any] = {"method": "basic", "username": "jürgen", "password": "pass:wörd-of-this-test"}
        ok(site.ask("PATCH", "/config/admin", {"config": {"auth": auth}}))
        assert newest_as(site, basic("jürgen", "pass:wörd-of-this-test"))["user"] == "admin"
        answer = site.ask("GET", "/config/full")
        refused(answer, 401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"].startswith("Basic ")
        refused(site.stranger("GET", "/", headers=basic("jürgen", "wrong")), 401, "UNAUTHORIZED")

        patch = {"config": {"auth": {"method": "api_key", "api_key": "key-of-this-test-4711"}}}
        ok(site.stranger("PATCH", "/config/admin", patch, headers=basic("jürgen", "pass:wörd-of-this-test")))
        key = {"X-API-Key": "key-of-this-test-4711"}
        assert newest_as(site, key)["user"] == "jürgen"
        refused(site.stranger("GET", "/config/full"), 401, "UNAUTHORIZED")
        refused(site.stranger("GET", "/config/full", headers=client_key), 401, "UNAUTHORIZED")
        shown = ok(site.stranger("GET", "/config/admin", headers=key))["config"]["auth"]
        assert (shown["password"], shown["api_key"]) == ("pas***test", "key***4711")

        open_to_all = {"config": {"auth": {"method": "none"}}}
        ok(site.stranger("PATCH", "/config/admin", open_to_all, headers=key))
        assert newest_as(site, {})["user"] == "admin"
        refused(site.stranger("GET", "/config/full", headers={"Host": "evil.example"}), 403, "FORBIDDEN")
        sensitive = {"format": "json", "include_sensitive": True}
        refused(site.stranger("POST", "/config/export", sensitive), 401, "UNAUTHORIZED")
        raw = site.stranger("PATCH", "/config/logging", raw=b'{"config": {}}', headers={"Content-Type": ""})
        refused(raw, 415, "UNSUPPORTED_MEDIA_TYPE")

        limit = {"config": {"rate_limit": {"requests_per_minute": 1, "burst": 2}}}
        ok(site.stranger("PATCH", "/config/admin", limit))
        answers = [site.stranger("GET", "/config/logging") for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        refused(answers[-1], 429, "RATE_LIMITED")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    _no_trace(process)


def newest_as(site: Site, headers: dict[str, str]) -> dict[str, Any]:
    answer = site.stranger("GET", "/config/history?limit=1", headers=headers)
    return dict(ok(answer)["history"][0])


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def _no_trace(process: Child) -> None:
    assert "Traceback" not in process.stderr


def test_the_whitelist_judges_the_peer_whatever_it_says_of_itself(tmp_path: Path) -> None:
    with running(tmp_path, settings(tmp_path)) as process:
        site = site_of(process, tmp_path)
        ok(site.ask("PATCH", "/config/admin", {"config": {"ip_whitelist": ["10.0.0.0/8", "127.0.0.1"]}}))
        ok(site.ask("PATCH", "/config/admin", {"config": {"ip_whitelist": ["10.0.0.0/8"]}}))
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP"):
            refused(site.ask("GET", "/config/full", headers={name: "10.0.0.1"}), 403, "FORBIDDEN")
        refused(site.ask("GET", "/config/full"), 403, "FORBIDDEN")
