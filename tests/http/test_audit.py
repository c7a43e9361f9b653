"""The audit log of the real process: a line for each change, whoever made it and however it came in."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trio
import yaml
from admin_api import ok
from chat import client_of
from patience import PATIENCE_S
from serving import backend, config, open_router

OPEN = {"auth": {"method": "none"}}
OLD, NEW = "sk-planted-old-key-1111", "sk-planted-new-key-2222"


def edited(home: Path, **sections: Any) -> Mapping[str, Any]:
    """The file as somebody leaves it."""
    sections = {"admin": OPEN, "storage": {"dir": str(home / "state")}, **sections}
    written = config({**backend("http://127.0.0.1:1"), "api_key": sections.pop("key", OLD)}, **sections)
    (home / "continuum-under-test.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    return written


def lines(home: Path) -> list[Any]:
    file = home / "state" / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


async def line(home: Path, number: int) -> Any:
    """That line of the log, once it is there: without its time, which must be one."""
    with trio.fail_after(PATIENCE_S):
        while len(lines(home)) < number:
            await trio.lowlevel.checkpoint()
    found = dict(lines(home)[number - 1])
    assert found.pop("time").endswith("Z")
    return found


def by_the_file(version: int, sections: list[str], changes: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "user": "system",
        "peer": "",
        "source": "file_reload",
        "version": version,
        "sections": sections,
        "changes": changes,
    }


async def test_the_file_a_signal_a_rollback_and_a_start_leave_their_lines(tmp_path: Path) -> None:
    async with open_router(tmp_path, edited(tmp_path)) as router, client_of(router.url) as client:
        edited(tmp_path, key=NEW, retry={"max_attempts": 5})
        assert await line(tmp_path, 1) == by_the_file(
            2,
            ["backends", "retry"],
            {
                "backends": {"alpha.api_key": {"from": "sk-***1111", "to": "sk-***2222"}},
                "retry": {"max_attempts": {"from": 3, "to": 5}},
            },
        )
        edited(tmp_path, key=NEW, retry={"max_attempts": 5}, cors={"allow_origins": ["http://page"]})
        origins = {"allow_origins": {"from": [], "to": ["http://page"]}}
        assert await line(tmp_path, 2) == by_the_file(2, ["cors"], {"cors": origins})
        ok(await client.post("/admin/config/rollback/1", json={"sections": ["retry"]}))
        assert await line(tmp_path, 3) == {
            "user": "admin",
            "peer": "127.0.0.1",
            "source": "rollback",
            "version": 3,
            "sections": ["retry"],
            "changes": {"retry": {"max_attempts": {"from": 5, "to": 3}}},
        }
    quiet = {"key": NEW, "cors": {"allow_origins": ["http://page"]}, "hot_reload": {"enabled": False}}
    async with open_router(tmp_path, edited(tmp_path, **quiet, retry={"max_attempts": 6})) as router:
        changed = {"retry": {"max_attempts": {"from": 3, "to": 6}}}
        assert await line(tmp_path, 4) == by_the_file(4, ["retry"], changed), "edited while nobody ran"
        edited(tmp_path, **quiet, retry={"max_attempts": 7})
        router.signal(signal.SIGHUP)
        changed = {"retry": {"max_attempts": {"from": 6, "to": 7}}}
        assert await line(tmp_path, 5) == by_the_file(5, ["retry"], changed)
    text = (tmp_path / "state" / "audit.jsonl").read_text()
    assert OLD not in text
    assert NEW not in text
    assert len(lines(tmp_path)) == 5
