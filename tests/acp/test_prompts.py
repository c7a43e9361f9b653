"""Global prompts in sessions: on top of what the session says itself, and in the count of what fits the window."""

from pathlib import Path
from typing import Any

import pytest
import trio
from acp_peer import Json, Peer, ScriptedHost, agent, text_answer
from agent_process import process
from patience import PATIENCE_S

from continuum.chat import GlobalPrompt
from continuum.testing.upstream import Upstream, open_upstream

SECTIONS = """
acp: {{sessions: {{storage: memory}}, system_prompt: of the agent}}
global_prompts: {{default_file: system.md, models: {{n: {{prompt: of n}}}}, merge_strategy: {strategy}}}
"""


async def turn(peer: Peer, upstream: Upstream, session: str) -> Any:
    """The system messages that the backend received for the next prompt, and its first other one."""
    assert (await peer.answer(await peer.prompt(session)))["result"]["stopReason"] == "end_turn"
    messages = upstream.calls[-1].json["messages"]
    texts = [each["content"] for each in messages if each["role"] == "system"]
    assert [each["role"] for each in messages[: len(texts) + 1]] == ["system"] * len(texts) + ["user"]
    return texts


async def reads(peer: Peer, upstream: Upstream, session: str, wanted: list[str]) -> None:
    """Prompt until the backend is told this, which is soon."""
    with trio.fail_after(PATIENCE_S):
        while await turn(peer, upstream, session) != wanted:
            pass


async def session_in(peer: Peer, folder: Path) -> str:
    await peer.initialize()
    answer = await peer.call("session/new", {"cwd": str(folder), "mcpServers": []})
    return str(answer["result"]["sessionId"])


@pytest.mark.parametrize("strategy", ["prepend", "append", "replace"])
async def test_it_meets_what_the_session_says(continuum_command: str, tmp_path: Path, strategy: str) -> None:
    """The agent's system prompt and AGENTS.md are the request's own. Files are edited between turns."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "AGENTS.md").write_text("of the project")
    file = tmp_path / "system.md"
    file.write_text("of all\n")
    own = f'of the agent\n\n<instructions file="{project}/AGENTS.md">\nof the project\n</instructions>'

    def met(prompt: str) -> list[str]:
        return [{"prepend": f"{prompt}\n\n{own}", "append": f"{own}\n\n{prompt}", "replace": prompt}[strategy]]

    async with open_upstream() as upstream:
        backend = f"{{name: b, url: '{upstream.url}/v1', models: [m, n]}}"
        async with process(continuum_command, tmp_path, backend, SECTIONS.format(strategy=strategy)) as peer:
            session = await session_in(peer, project)
            assert await turn(peer, upstream, session) == met("of all")
            file.write_text("of all since")
            await reads(peer, upstream, session, met("of all since"))
            model: Json = {"sessionId": session, "configId": "model", "value": "n"}
            assert "result" in await peer.call("session/set_config_option", model)
            assert await turn(peer, upstream, session) == met("of n")
            configuration = tmp_path / "continuum.yaml"
            configuration.write_text(configuration.read_text().replace("of n", "of n since"))
            await reads(peer, upstream, session, met("of n since"))


async def test_a_long_one_leaves_less_room_for_the_history() -> None:
    """Only the engine puts it in: what the session asks with is its own."""
    asked: list[int] = []
    for prompt in (None, GlobalPrompt("word " * 300), GlobalPrompt("word " * 3000)):
        scripted = ScriptedHost(context_window=1000, prompt=prompt)
        scripted.answers.extend([text_answer("word " * 50)] * 8)
        async with agent(scripted) as peer:
            session = await peer.new_session()
            for number in range(8):
                await peer.answer(await peer.prompt(session, str(number)))
        assert scripted.texts(7)[-1] == ("user", "7")
        assert not any(role == "system" for role, _ in scripted.texts(7))
        asked.append(len(scripted.requests[7].messages))
    whole, less, none = asked
    assert whole > less > none == 1
