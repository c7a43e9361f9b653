"""search: what ripgrep would find, bounded, and never by way of a link."""

from pathlib import Path
from typing import Any

import pytest
import trio
from acp_peer import ScriptedHost, text_answer
from desk import call, calls, open_desk, told
from patience import promised

from continuum.acp.tools.gitignore import read_rules


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    for path, text in {
        "a.py": "needle one\nhay\nNEEDLE two\n",
        "src/b.py": "a needle\n",
        "src/c.txt": "needle\n",
        "build/x.py": "needle\n",
        "logs/keep.log": "needle\n",
        "logs/drop.log": "needle\n",
        ".git/config": "needle\n",
        "binary": "needle\0",
    }.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    (top / ".gitignore").write_text("/build/\n*.log\n!keep.log\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "z.py").write_text("needle\n")
    (top / "link").symlink_to(tmp_path / "outside")
    return top


async def found(tree: Path, **arguments: Any) -> str:
    scripted = ScriptedHost()
    scripted.answers.extend([calls(call("search", **arguments)), text_answer("ok")])
    async with open_desk(scripted) as ide:
        await ide.prompt(await ide.new_session(str(tree)))
        assert ide.permissions.asked == []
    return told(scripted)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pattern": "needle"}, "a.py:1:needle one\nlogs/keep.log:1:needle\nsrc/b.py:1:a needle\nsrc/c.txt:1:needle"),
        ({"pattern": "NEEDLE", "ignore_case": True, "glob": "a.*"}, "a.py:1:needle one\na.py:3:NEEDLE two"),
        ({"pattern": "needle", "glob": "src/*.py"}, "src/b.py:1:a needle"),
        ({"pattern": "needle", "path": "src", "glob": "*.txt"}, "src/c.txt:1:needle"),
        ({"pattern": "needle", "path": "a.py"}, "a.py:1:needle one"),
        ({"glob": "*.py"}, "a.py\nsrc/b.py"),
        ({"glob": "**/*.txt"}, "src/c.txt"),
        ({"pattern": "no such thing"}, "Nothing found"),
        ({"pattern": "needle", "limit": 1}, "a.py:1:needle one\n(there may be more)"),
    ],
)
async def test_found(tree: Path, arguments: dict[str, Any], said: str) -> None:
    assert await found(tree, **arguments) == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pattern": "("}, "the pattern is no regular expression"),
        ({"pattern": "x", "path": "link"}, "refused"),
        ({"pattern": "x", "path": "missing"}, "cannot be searched: No such file"),
    ],
)
async def test_what_cannot_be_searched(tree: Path, arguments: dict[str, Any], said: str) -> None:
    assert said in await found(tree, **arguments)


async def test_a_pattern_that_never_ends_can_be_cancelled(tree: Path) -> None:
    (tree / "long").write_text("a" * 60 + "b\n")
    scripted = ScriptedHost()
    scripted.answers.extend([calls(call("search", pattern="(a+)+$", path="long")), text_answer("ok")])
    async with open_desk(scripted) as ide:
        session = await ide.new_session(str(tree))
        end = await ide.start_prompt(session, "x")
        await ide.seen(lambda ide: ide.tool_call("c1")["statuses"] == ["pending", "in_progress"])
        with trio.fail_after(promised(1)):
            await ide.cancel(session)
            assert await end() == {"stopReason": "cancelled"}


@pytest.mark.parametrize(
    ("rules", "path", "directory", "ignored"),
    [
        ("*.log", "a/b.log", False, True), ("/a", "a", False, True), ("/a", "b/a", False, False),
        ("a/", "a", False, False), ("a/", "x/a", True, True), ("a/b", "x/a/b", False, False),
        ("**/b", "x/a/b", False, True), ("a/**", "a/x/y", False, True), ("a/**/b", "a/b", False, True),
        ("a/**/b", "a/x/y/b", False, True), ("*\n!keep", "keep", False, False), ("!keep\n*", "keep", False, True),
        ("#x", "#x", False, False), ("\\#x", "#x", False, True), ("a?c", "abc", False, True),
        ("a?c", "a/c", False, False), ("[a-c]x", "bx", False, True), ("[!a]x", "ax", False, False),
        ("[!a]x", "bx", False, True), ("a  ", "a", False, True), ("", "a", False, False), ("[", "[", False, True),
    ],
)  # fmt: skip
def test_gitignore(rules: str, path: str, directory: bool, ignored: bool) -> None:  # noqa: FBT001 - a table's columns
    assert read_rules(rules, "", None).ignores(path, directory=directory) is ignored


def test_rules_of_a_directory_below_win() -> None:
    top = read_rules("*.log\n", "", None)
    below = read_rules("!a.log\n", "sub/", top)
    assert not below.ignores("sub/a.log", directory=False)
    assert below.ignores("sub/b.log", directory=False)
