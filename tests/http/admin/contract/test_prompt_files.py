"""Prompt files, sentence by sentence of the contract."""

from collections.abc import Generator
from typing import Any

import pytest
from admin_contract import Site, faults, ok, refused, version
from plain_client import PlainClient

ENTRY = {"id", "prompt_type", "source", "content", "size_bytes"}
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _leave_it_as_it_was(ask: PlainClient) -> Generator[None]:
    yield
    ok(ask("PUT", "/config/global_prompts", {"config": {}}))


def test_writing_and_reading_a_file(site: Site) -> None:
    ask, before = site.ask, version(site.ask)
    content = "You answer in rhymes. Grüße!\n"
    made = ok(ask("PUT", "/config/prompts/tone/system.md", {"content": content}))
    size = len(content.encode())
    assert made == {
        "success": True,
        "path": "prompts/tone/system.md",
        "size_bytes": size,
        "message": "Prompt file updated successfully",
    }
    for path in ("tone/system.md", "prompts/tone/system.md"):
        read = ok(ask("GET", f"/config/prompts/{path}"), "path", "content", "size_bytes", "modified_at")
        assert (read["path"], read["content"], read["size_bytes"]) == ("prompts/tone/system.md", content, size)
        assert isinstance(read["modified_at"], int)
    assert (site.home / "prompts/tone/system.md").read_text() == content
    assert ok(ask("PUT", "/config/prompts/prompts/tone/system.md", {"content": ""}))["size_bytes"] == 0
    assert ok(ask("GET", "/config/prompts/tone/system.md"))["content"] == ""
    assert version(ask) == before
    audit = (site.home / "state/audit.jsonl").read_text()
    assert "tone/system.md" in audit


def test_the_list(ask: PlainClient) -> None:
    none = ok(ask("GET", "/config/prompts"), "prompts", "total", "prompts_directory")
    assert none == {"prompts": [], "total": 0, "prompts_directory": "./prompts"}
    ok(ask("PUT", "/config/prompts/of-model.md", {"content": "model's"}))
    section: dict[str, Any] = {
        "default": "inline words",
        "backends": {"alpha": {"prompt_file": "missing.md"}},
        "models": {"test-model": {"prompt_file": "of-model.md"}},
    }
    ok(ask("PUT", "/config/global_prompts", {"config": section}))
    body = ok(ask("GET", "/config/prompts"))
    assert body["total"] == len(body["prompts"]) == 3
    shown = {each["id"]: each for each in body["prompts"]}
    assert shown["default"] == {
        "id": "default",
        "prompt_type": "default",
        "source": "inline",
        "content": "inline words",
        "size_bytes": 12,
    }
    missing = shown["alpha"]
    assert set(missing) == ENTRY | {"file_path", "loaded"}
    assert (missing["prompt_type"], missing["source"]) == ("backend", "file")
    assert missing["file_path"] == "prompts/missing.md"
    assert (missing["loaded"], missing["content"], missing["size_bytes"]) == (False, "", 0)
    there = shown["test-model"]
    assert set(there) == ENTRY | {"file_path", "loaded"}
    assert (there["prompt_type"], there["source"], there["file_path"]) == ("model", "file", "prompts/of-model.md")
    assert (there["loaded"], there["content"], there["size_bytes"]) == (True, "model's", 7)


def test_reloading(ask: PlainClient) -> None:
    keys = ("success", "reloaded_count", "reloaded", "errors", "message")
    for name in ("a.md", "b.md"):
        ok(ask("PUT", f"/config/prompts/{name}", {"content": name}))
    section: dict[str, Any] = {"default_file": "a.md", "models": {"test-model": {"prompt_file": "b.md"}}}
    ok(ask("PUT", "/config/global_prompts", {"config": section}))
    for raw in (None, b"{}"):
        good = ok(ask("POST", "/config/prompts/reload", raw=raw), *keys)
        assert (good["success"], good["reloaded_count"], good["errors"]) == (True, 2, [])
        assert sorted(good["reloaded"]) == ["prompts/a.md", "prompts/b.md"]
        assert good["message"] == "Successfully reloaded 2 prompt file(s)"
    section["models"]["other-model"] = {"prompt_file": "gone.md"}
    ok(ask("PUT", "/config/global_prompts", {"config": section}))
    bad = ok(ask("POST", "/config/prompts/reload"), *keys)
    assert (bad["success"], bad["reloaded_count"]) == (False, 2)
    (error,) = bad["errors"]
    assert set(error) == {"path", "message"}
    assert error["path"] == "prompts/gone.md"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.md",
        "a/../../secret.md",
        "a/../b.md",
        "..%2fsecret.md",
        "%2e%2e/secret.md",
        "%2e%2e%2fsecret.md",
        "/etc/passwd.md",
        "%2fetc%2fpasswd.md",
        "a%5c..%5cb.md",
        "a%00.md",
        "./a.md",
        "a//b.md",
        "prompts/../a.md",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(site: Site, path: str) -> None:
    (site.home / "secret.md").write_text("planted-outside")
    for answer in (
        site.ask("GET", f"/config/prompts/{path}"),
        site.ask("PUT", f"/config/prompts/{path}", {"content": "x"}),
    ):
        assert answer.status == 400, answer
        assert answer.json["error_code"] == "VALIDATION_ERROR"
        assert b"planted-outside" not in answer.body
    assert (site.home / "secret.md").read_text() == "planted-outside"


def test_only_text_files_and_none_of_our_own(site: Site) -> None:
    ask = site.ask
    for path in ("continuum-under-test.yaml", "continuum.yaml", "state/admin.token", "a.py", "a", "a.md.yaml", ".md"):
        for answer in (ask("GET", f"/config/prompts/{path}"), ask("PUT", f"/config/prompts/{path}", {"content": "x"})):
            assert answer.status in {400, 404}, (path, answer)
            assert "config" in answer.body.decode() or answer.json["details"] is not None
    refused(ask("GET", "/config/prompts/nothing-there.md"), 404, "NOT_FOUND")


def test_no_link_is_followed_out(site: Site) -> None:
    folder = site.home / "prompts"
    folder.mkdir(exist_ok=True)
    (site.home / "outside").mkdir(exist_ok=True)
    (site.home / "outside/inner.md").write_text("planted-outside")
    for name, target in (("link.md", "../outside/inner.md"), ("linked", "../outside")):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(target)
    for path in ("link.md", "linked/inner.md", "linked/new.md"):
        read = site.ask("GET", f"/config/prompts/{path}")
        assert read.status in {400, 403, 404}, read
        assert b"planted-outside" not in read.body
        wrote = site.ask("PUT", f"/config/prompts/{path}", {"content": "x"})
        assert wrote.status in ({200} if path == "link.md" else {400, 403, 404})  # the link itself is replaced
    assert (site.home / "outside/inner.md").read_text() == "planted-outside"
    assert not (site.home / "outside/new.md").exists()


def test_its_size_and_shape(ask: PlainClient) -> None:
    whole = "ä" * (MIB // 2)
    escaped = ask("PUT", "/config/prompts/large.md", {"content": whole})  # twelve bytes for two: 3 MiB of body
    assert ok(escaped)["size_bytes"] == MIB
    refused(ask("PUT", "/config/prompts/large.md", {"content": f"{whole}x"}), 413, "CONTENT_TOO_LARGE")
    wrong: list[Any] = [{}, {"content": None}, {"content": 7}, {"content": "x", "mode": 1}, []]
    for body in wrong:
        assert faults(ask("PUT", "/config/prompts/large.md", body))
    assert ok(ask("GET", "/config/prompts/large.md"))["size_bytes"] == MIB
