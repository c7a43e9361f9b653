"""Prompt files over HTTP: what there is, reading and writing them, paths that lead nowhere, and what calls get then."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from admin_api import Open, fault, ok, refused


def test_what_there_is_and_its_files(open_admin: Open, tmp_path: Path) -> None:
    prompts = {
        "default_file": "system.md",
        "backends": {"alpha": {"prompt": "inline"}},
        "models": {"m": {"prompt_file": "beside.md"}},
    }
    running, api = open_admin({"global_prompts": prompts})
    (tmp_path / "beside.md").write_text("beside")
    (tmp_path / "other.md").write_text("not reachable")
    body = ok(api.get("/config/prompts"))
    assert (body["total"], body["prompts_directory"]) == (3, "./prompts")
    default, backend, model = body["prompts"]
    assert (default["id"], default["prompt_type"], default["source"]) == ("default", "default", "file")
    assert (default["loaded"], default["content"], default["size_bytes"]) == (False, "", 0)
    assert backend == {
        "id": "alpha",
        "prompt_type": "backend",
        "source": "inline",
        "content": "inline",
        "size_bytes": 6,
    }
    assert (model["id"], model["content"], model["file_path"], model["loaded"]) == ("m", "beside", "beside.md", True)
    again = ok(api.post("/config/prompts/reload"))
    assert (again["success"], again["reloaded"], again["errors"][0]["path"]) == (
        False,
        ["beside.md"],
        "prompts/system.md",
    )
    written = ok(api.put("/config/prompts/system.md", json={"content": "héllo"}))
    assert written == {
        "success": True,
        "path": "prompts/system.md",
        "size_bytes": 6,
        "message": "Prompt file updated successfully",
    }
    for path in ("system.md", "prompts/system.md"):
        shown = ok(api.get(f"/config/prompts/{path}"))
        assert (shown["path"], shown["content"], shown["size_bytes"]) == ("prompts/system.md", "héllo", 6)
        assert isinstance(shown["modified_at"], int)
    ok(api.put("/config/prompts/a/b/deep.txt", json={"content": "x"}))
    assert (tmp_path / "prompts/a/b/deep.txt").read_text() == "x"
    again = ok(api.post("/config/prompts/reload"))
    assert again == {
        "success": True,
        "reloaded_count": 2,
        "reloaded": ["prompts/system.md", "beside.md"],
        "errors": [],
        "message": "Successfully reloaded 2 prompt file(s)",
    }
    refused(api.get("/config/prompts/other.md"), 404, "NOT_FOUND")
    assert ok(api.get("/config/history"))["current_version"] == 1, "a file is no version"
    assert "prompt file written" in (running.folder / "audit.jsonl").read_text()
    assert sorted(path.name for path in (tmp_path / "prompts").iterdir()) == ["a", "system.md"], "nothing lies about"


@pytest.mark.parametrize(
    "path",
    [
        "../continuum.yaml",
        "%2e%2e/continuum.md",
        "a/../../x.md",
        "/etc/x.md",
        "%2fetc%2fx.md",
        "..%2fx.md",
        "a%5c..%5cx.md",
        "continuum.yaml",
        "admin.token",
        "x.md%00.txt",
        "~/x.md",
        ".md",
    ],
)
def test_paths_that_lead_nowhere(api: httpx.Client, path: str) -> None:
    for method in ("GET", "PUT"):
        response = api.request(method, f"/config/prompts/{path}", json={"content": "x"})
        assert response.status_code in {400, 404, 405}, response.text  # httpx tidies some before it sends them


def test_links_lead_nowhere(open_admin: Open, tmp_path: Path) -> None:
    _, api = open_admin()
    folder, outside = tmp_path / "prompts", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.md").write_text("planted-secret-text")
    (folder / "file.md").symlink_to(outside / "secret.md")
    (folder / "folder").symlink_to(outside)
    (folder / "real.md").write_text("real")
    (folder / "alias.md").symlink_to("real.md")
    os.mkfifo(folder / "pipe.md")
    for path in ("file.md", "folder/secret.md", "pipe.md", "folder"):
        response = api.get(f"/config/prompts/{path}")
        assert response.status_code in {400, 404}
        assert "planted" not in response.text
    assert ok(api.get("/config/prompts/alias.md"))["content"] == "real", "a link that stays inside"
    assert api.put("/config/prompts/folder/new.md", json={"content": "x"}).status_code in {400, 404, 500}
    assert list(outside.iterdir()) == [outside / "secret.md"]
    ok(api.put("/config/prompts/file.md", json={"content": "mine"}))
    assert (outside / "secret.md").read_text() == "planted-secret-text"


def test_prompts_have_a_size(api: httpx.Client) -> None:
    largest = "é" * (512 * 1024)
    assert ok(api.put("/config/prompts/x.md", json={"content": largest}))["size_bytes"] == 1024 * 1024
    refused(api.put("/config/prompts/x.md", json={"content": largest + "x"}), 413, "CONTENT_TOO_LARGE")
    assert ok(api.get("/config/prompts/x.md"))["size_bytes"] == 1024 * 1024


def test_what_is_written_takes_effect_at_once(open_admin: Open, tmp_path: Path) -> None:
    """Also where no file is watched: the next call has it."""
    section = {"default_file": "system.md", "models": {"m": {"prompt_file": "prompts/own.txt"}}}
    running, api = open_admin({"global_prompts": section, "hot_reload": {"enabled": False}})

    def in_force(model: str) -> str | None:
        prompt = running.ask(lambda instance: instance.prompts.of(model, model, "alpha"))
        return None if prompt is None else prompt.text

    assert (in_force("m"), in_force("n")) == (None, None)
    ok(api.put("/config/prompts/system.md", json={"content": "first"}))
    assert (in_force("m"), in_force("n")) == ("first", "first")
    ok(api.put("/config/prompts/own.txt", json={"content": "own"}))
    assert (in_force("m"), in_force("n")) == ("own", "first")
    ok(api.put("/config/prompts/prompts/system.md", json={"content": ""}))
    assert (in_force("m"), in_force("n")) == ("own", None)
    (tmp_path / "prompts/system.md").write_text("by hand")
    assert in_force("n") is None, "nobody watches"
    assert ok(api.post("/config/prompts/reload"))["reloaded"] == ["prompts/system.md", "prompts/own.txt"]
    assert in_force("n") == "by hand"
    (tmp_path / "prompts/own.txt").unlink()
    again = ok(api.post("/config/prompts/reload"))
    assert (again["success"], again["reloaded_count"]) == (False, 1)
    assert again["errors"] == [{"path": "prompts/own.txt", "message": "there is no such prompt file"}]
    assert in_force("m") == "own", "the last text stays in force"
    assert ok(api.get("/config/prompts"))["prompts"][1]["loaded"] is False
    ok(api.put("/config/global_prompts", json={"config": {"models": {"m": {"prompt_file": "system.md"}}}}))
    assert (in_force("m"), in_force("n")) == ("by hand", None)


UNUSABLE = {
    "large.md": b"x" * (1024 * 1024 + 1),
    "latin.md": b"caf\xe9",
}


def test_files_that_are_no_prompts(open_admin: Open, tmp_path: Path) -> None:
    """Each is told by the name that the section gives it, and nothing of it is in force."""
    (tmp_path / "prompts").mkdir()
    for name, content in UNUSABLE.items():
        (tmp_path / "prompts" / name).write_bytes(content)
    (tmp_path / "prompts/folder.md").mkdir()
    names = [*UNUSABLE, "folder.md", "missing.md"]
    models = {name: {"prompt_file": name} for name in names}
    running, api = open_admin({"global_prompts": {"models": models}})
    again = ok(api.post("/config/prompts/reload"))
    assert [each["path"] for each in again["errors"]] == [f"prompts/{name}" for name in names]
    assert again["reloaded_count"] == 0
    shown = ok(api.get("/config/prompts"))["prompts"]
    assert [(each["loaded"], each["content"], each["size_bytes"]) for each in shown] == [(False, "", 0)] * len(names)
    in_force = running.ask(lambda instance: [instance.prompts.of(name, name, "alpha") for name in names])
    assert in_force == [None] * len(names)


BAD_BODIES: list[Any] = [{}, {"content": 1}, {"content": None}, {"content": "x", "mode": 1}, []]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_bodies_that_write_nothing(api: httpx.Client, tmp_path: Path, body: Any) -> None:
    refused(api.put("/config/prompts/x.md", json=body), 400, "VALIDATION_ERROR")
    assert not (tmp_path / "prompts").exists()


def test_a_path_names_its_fault(api: httpx.Client) -> None:
    for path in ("a%2f..%2fx.md", "x.yaml", "x"):
        for method in ("GET", "PUT"):
            found = fault(api.request(method, f"/config/prompts/{path}", json={"content": "x"}))
            assert found["field"] == "path"
    response = api.delete("/config/prompts/x.md")
    refused(response, 405, "METHOD_NOT_ALLOWED")
    assert set(response.headers["allow"].split(", ")) >= {"GET", "PUT"}
