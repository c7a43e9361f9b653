"""Files: only inside the roots, whatever the path says; through the client where it lends them; never spoilt."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acp_peer import ScriptedHost, text_answer
from desk import ALL, call, calls, open_desk, results, told

from continuum.acp.tools.base import ToolFault
from continuum.acp.tools.files import Files
from continuum.acp.tools.paths import Roots

ALLOW: dict[str, Any] = {"permissions": {"default_policy": "allow", "always_ask": []}}


def host(*wanted: tuple[str, str, str]) -> ScriptedHost:
    """A model that makes these calls one after the other, then stops."""
    scripted = ScriptedHost()
    scripted.answers.extend([*(calls(one) for one in wanted), text_answer("ok")])
    return scripted


@pytest.fixture
def roots(tmp_path: Path) -> Iterator[Path]:
    """A root with everything around it that a path can lead to by mistake."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (inside / "plain").write_text("plain")
    (inside / "out").symlink_to(outside)
    (inside / "out_file").symlink_to(outside / "secret")
    (inside / "in").symlink_to("plain")
    (inside / "loop").symlink_to("loop")
    os.link(inside / "plain", inside / "hard")
    os.mkfifo(inside / "fifo")
    return iter([inside])


OUTSIDE = (
    "../outside/secret",
    "out/secret",
    "out_file",
    "/etc/passwd",
    "/proc/self/environ",
    "/dev/zero",
    "out/../../outside/secret",
    "fifo",
    "loop",
    "a\0b",
    "",
)


# A link or a name inside the root is an entry like any other, to be deleted or in the way.
ENTRIES = {("delete_file", "loop"), ("move_file", "loop"), ("move_file", "fifo")}


@pytest.mark.parametrize(
    ("tool", "path"),
    [
        (tool, path)
        for tool in ("read_file", "write_file", "delete_file", "move_file")
        for path in OUTSIDE
        if (tool, path) not in ENTRIES
    ],
)
async def test_outside_of_the_roots_is_refused_before_asking(tool: str, path: str, roots: Iterator[Path]) -> None:
    inside = next(roots)
    arguments = {
        "read_file": {"path": path},
        "write_file": {"path": path, "content": "spoilt"},
        "delete_file": {"path": path},
        "move_file": {"source": "plain", "destination": path},
    }[tool]
    scripted = host(call(tool, **arguments))
    async with open_desk(scripted, abilities=ALL) as ide:
        ide.permissions.default = "allow_once"
        await ide.prompt(await ide.new_session(str(inside)))
        assert ide.permissions.asked == []
        assert ide.desk.requests in ([], ["fs/read_text_file"])
        assert ide.desk.written == []
    assert results(scripted.requests[1].messages)["c1"].is_error
    assert told(scripted) != "secret"
    assert (inside.parent / "outside" / "secret").read_text() == "secret"


@pytest.mark.parametrize("path", ["in", "hard", "./plain", "out/../inside/plain"])
async def test_links_inside_are_ordinary(path: str, roots: Iterator[Path]) -> None:
    scripted = host(call("read_file", path=path))
    async with open_desk(scripted) as ide:
        await ide.prompt(await ide.new_session(str(next(roots))))
    assert told(scripted) == "plain"


async def test_additional_directories_are_roots_too(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    scripted = host(call("read_file", path=str(tmp_path / "b" / "file")), call("read_file", id="c2", path="../c/file"))
    async with open_desk(scripted) as ide:
        directories = [str(tmp_path / "b")]
        await ide.prompt(await ide.new_session(str(tmp_path / "a"), additionalDirectories=directories))
    assert told(scripted, "c1") == "b"
    assert "refused" in told(scripted, "c2")


async def test_a_link_swapped_between_check_and_open_leads_nowhere(tmp_path: Path) -> None:
    """A directory and a link to one outside take each other's place all the time: no secret is ever read."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside / "real", outside):
        folder.mkdir(parents=True)
    (inside / "real" / "file").write_text("fine")
    (outside / "file").write_text("secret")
    (inside / "link").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for source in ("real", "link"):
                (inside / "next").symlink_to(source if source == "real" else "../outside")
                (inside / "next").replace(inside / "dir")

    (inside / "dir").symlink_to("real")
    swapper = threading.Thread(target=swap)
    swapper.start()
    seen: set[str] = set()
    try:
        roots = Roots(str(inside))
        for _ in range(1500):
            try:
                target = roots.resolve("dir/file")
                text = await Files(_Nobody(), "s").read(target)  # type: ignore[arg-type]
                seen.add(text or "none")
            except ToolFault:
                seen.add("refused")
    finally:
        stop.set()
        swapper.join()
    assert "secret" not in seen
    assert {"fine", "refused"} <= seen


class _Nobody:
    def can(self, _: str) -> bool:
        return False


async def test_edits_show_a_diff_and_keep_mode_and_line_ends(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_bytes(b"one\r\ntwo\r\n")
    script.chmod(0o750)
    scripted = host(
        call("read_file", path="run.sh"),
        call("edit_file", id="c2", path="run.sh", old_text="one\ntwo", new_text="1\n2"),
        call("write_file", id="c3", path="new/deep/file", content="x"),
    )
    async with open_desk(scripted) as ide:
        ide.permissions.default = "allow_once"
        await ide.prompt(await ide.new_session(str(tmp_path)))
        diff = {"type": "diff", "path": str(script), "oldText": "one\r\ntwo\r\n", "newText": "1\r\n2\r\n"}
        assert ide.permissions.asked[0]["toolCall"]["content"] == [diff]
        assert ide.permissions.asked[1]["toolCall"]["content"] == [
            {"type": "diff", "path": str(tmp_path / "new/deep/file"), "newText": "x"}
        ]
    assert script.read_bytes() == b"1\r\n2\r\n"
    assert script.stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "new/deep/file").read_text() == "x"
    assert {path.name for path in (script.parent).glob("*")} == {"new", "run.sh"}


@pytest.mark.parametrize(
    ("old", "said"), [("nothing like it", "does not occur"), ("a", "occurs 3 times"), ("", "does not occur")]
)
async def test_an_edit_that_is_not_clear_is_not_made(old: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a b a a")
    scripted = host(call("edit_file", path="f", old_text=old, new_text="x"))
    async with open_desk(scripted, acp=ALLOW) as ide:
        await ide.prompt(await ide.new_session(str(tmp_path)))
    assert said in told(scripted)
    assert (tmp_path / "f").read_text() == "a b a a"


async def test_a_file_that_changed_since_it_was_read_is_not_edited(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    scripted = host(
        call("read_file", path="f"),
        call("edit_file", id="c2", path="f", old_text="one", new_text="two"),
        call("read_file", id="c3", path="f"),
        call("edit_file", id="c4", path="f", old_text="one", new_text="two"),
        call("edit_file", id="c5", path="f", old_text="two", new_text="four"),
    )
    async with open_desk(scripted) as ide:
        ide.permissions.default = "allow_once"
        session = await ide.new_session(str(tmp_path))

        def meddle(message: dict[str, Any]) -> None:
            update = message.get("params", {}).get("update", {})
            if update.get("toolCallId") == "c1" and update.get("status") == "completed":
                file.write_text("one, changed")  # after it was read
            if message.get("method") == "session/request_permission":
                asked = message["params"]["toolCall"]["toolCallId"]
                if asked == "c5":
                    file.write_text("three, two")  # while the user thinks it over

        ide.on_message = meddle
        await ide.prompt(session)
    assert "changed since it was read" in told(scripted, "c2")
    assert told(scripted, "c3") == "one, changed"
    assert told(scripted, "c4").startswith("Changed")
    assert "changed since it was read" in told(scripted, "c5")
    assert file.read_text() == "three, two"


@pytest.mark.parametrize("data", [b"\0\1\2", b"caf\xe9", b"x" * 9_000_000])
async def test_binary_and_huge_files_are_summarised_and_never_written_back(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(data)
    scripted = host(
        call("read_file", path="f"),
        call("edit_file", id="c2", path="f", old_text="x", new_text="y", replace_all=True),
        call("write_file", id="c3", path="f", content="y"),
    )
    async with open_desk(scripted, abilities=ALL, acp=ALLOW) as ide:
        await ide.prompt(await ide.new_session(str(tmp_path)))
    assert str(len(data)) in told(scripted)
    assert not results(scripted.requests[1].messages)["c1"].is_error
    assert results(scripted.requests[-1].messages)["c2"].is_error
    assert (tmp_path / "f").read_bytes() == data


@pytest.mark.parametrize("flat", [False, True])
async def test_through_the_client_unsaved_text_counts(flat: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    file = tmp_path / "f"
    file.write_text("saved")
    scripted = host(
        call("read_file", path="f"),
        call("edit_file", id="c2", path="f", old_text="typed", new_text="mended"),
        call("write_file", id="c3", path="new", content="x"),
    )
    async with open_desk(scripted, abilities=ALL, flat=flat, acp=ALLOW) as ide:
        ide.desk.buffers[str(file)] = "just typed"
        await ide.prompt(await ide.new_session(str(tmp_path)))
        assert ide.desk.written == [(str(file), "just mended"), (str(tmp_path / "new"), "x")]
    assert told(scripted) == "just typed"


async def test_what_a_client_gives_with_half_a_character_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("saved")
    scripted = host(call("read_file", path="f"))
    async with open_desk(scripted, abilities=ALL) as ide:
        ide.desk.buffers[str(tmp_path / "f")] = "cut \ud83d"
        await ide.prompt(await ide.new_session(str(tmp_path)))
    assert "not valid UTF-8 as the editor gives it" in told(scripted)


async def test_the_client_knows_files_by_the_name_it_gave_the_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_text("saved")
    (tmp_path / "name").symlink_to("real")
    scripted = host(call("read_file", path="f"))
    async with open_desk(scripted, abilities=ALL) as ide:
        ide.desk.buffers[str(tmp_path / "name" / "f")] = "typed"
        await ide.prompt(await ide.new_session(str(tmp_path / "name")))
    assert told(scripted) == "typed"


async def test_delete_and_move(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    scripted = host(
        call("delete_file", path="a"),
        call("move_file", id="c2", source="b", destination="sub/b2"),
        call("move_file", id="c3", source="c", destination="full"),
        call("delete_file", id="c4", path="full"),
        call("delete_file", id="c5", path="."),
    )
    async with open_desk(scripted, acp=ALLOW) as ide:
        await ide.prompt(await ide.new_session(str(tmp_path)))
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "sub" / "b2").read_text() == "b"
    assert "exists already" in told(scripted, "c3")
    assert "not empty" in told(scripted, "c4")
    assert "own directory" in told(scripted, "c5")
