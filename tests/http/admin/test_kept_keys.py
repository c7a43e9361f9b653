"""Client keys made over real HTTP: where they are kept and told of, and what a start makes of them."""

import logging
from hashlib import sha256

import httpx
import pytest
from admin_api import Open, ok, refused
from key_desk import CONFIGURED, FILED, OPEN, SHUT, Desk


def test_keys_open_no_admin_and_are_nowhere_but_in_the_answer(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers: list[httpx.Response] = []
    ident, secret = desk.make(name="n")
    opened = httpx.get(f"{desk.router.url}/admin/keys", headers={"authorization": f"Bearer {secret}"}, trust_env=False)
    refused(opened, 401, "UNAUTHORIZED")
    assert desk.ask(secret) == OPEN
    rotated = ok(desk.api.post(f"/keys/{ident}/rotate", json={"grace": "1h"}))["secret"]
    answers += [desk.api.get("/keys"), desk.api.get(f"/keys/{ident}"), desk.api.get("/stats")]
    answers += [
        desk.api.patch(f"/keys/{ident}", json={"name": "m", "rate_limit": 5}),
        desk.api.delete(f"/keys/{ident}"),
    ]
    answers.append(desk.api.post("/config/export", json={"format": "yaml", "include_sensitive": True}))
    told = "".join(answer.text for answer in answers) + caplog.text
    told += "".join(path.read_text() for path in desk.router.folder.rglob("*.jsonl"))
    everything = told.encode() + b"".join(path.read_bytes() for path in desk.router.folder.rglob("*") if path.is_file())
    for each in (secret, rotated):
        digest = sha256(each.encode())
        assert each not in told
        assert digest.hexdigest() not in told
        assert each.encode() not in everything
        assert each[3:].encode() not in everything
    lines = desk.audit()
    assert [line["event"] for line in lines] == ["key made", "key rotated", "key changed", "key removed"]
    assert {line["key"] for line in lines} == {ident}
    assert all(line["user"] == "admin" and line["peer"] == "127.0.0.1" and line["time"] for line in lines)
    made, turned, changed, removed = (line["changes"] for line in lines)
    assert made["key"] == {"from": None, "to": f"sk-***{secret[-4:]}"}
    assert turned["key"] == {"from": f"sk-***{secret[-4:]}", "to": f"sk-***{rotated[-4:]}"}
    assert changed == {"name": {"from": "n", "to": "m"}, "rate_limit": {"from": None, "to": 5}}
    assert removed["key"] == {"from": f"sk-***{rotated[-4:]}", "to": None}


def test_a_start_takes_up_what_was_kept(desk: Desk, open_admin: Open) -> None:
    ident, old = desk.make(id="kept", models=["test-model"], rate_limit=600)
    secret = ok(desk.api.post("/keys/kept/rotate", json={"grace": "1h"}))["secret"]
    gone, lost = desk.make()
    ok(desk.api.delete(f"/keys/{gone}"))
    assert desk.ask(secret) == OPEN
    before = ok(desk.api.get("/keys/kept"))
    desk.router.stop()
    desk.router, desk.api = open_admin(desk.configuration)
    assert ok(desk.api.get(f"/keys/{ident}")) == before, "when it was used, too"
    assert (desk.ask(secret), desk.ask(old), desk.ask(lost), desk.ask(secret, "other")[0]) == (OPEN, OPEN, SHUT, 403)


def test_a_configuration_with_the_id_of_a_made_key_does_not_start(desk: Desk, open_admin: Open) -> None:
    desk.make(id="twice")
    desk.router.stop()
    desk.configuration["api_keys"]["api_keys"].append({"key": "sk-another-0123456789", "id": "twice"})
    with pytest.raises(Exception, match=r"api_keys\.api_keys\.1\.id: must be unique; a key made over the admin API"):
        open_admin(desk.configuration)


def test_a_place_that_cannot_be_written_changes_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    (versions,) = (desk.router.folder / "versions").iterdir()
    (versions / "keys.db").write_bytes(b"not a database, but somebody's letters" * 100)
    answer = desk.api.post("/keys", json={"id": "x"})
    refused(answer, 500, "INTERNAL_ERROR")
    assert "not a database" in answer.json()["message"]
    assert str(versions) not in answer.text
    assert ok(desk.api.get("/keys"))["total"] == 2
    assert desk.ask(CONFIGURED) == desk.ask(FILED) == OPEN
    assert "client keys made over the admin API cannot be read: file is not a database" in caplog.text
    (versions / "keys.db").unlink()
    assert desk.ask(desk.make(id="x")[1]) == OPEN
