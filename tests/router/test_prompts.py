"""Global prompts of a router in a host program: in calls without HTTP, from files of the folder that the host names."""

from pathlib import Path
from typing import Any

from chat import MODEL, asked
from serving import backend, config

from continuum import ChatRequest, ContinuumRouter, Message
from continuum.config import from_mapping, store_of
from continuum.testing.upstream import Upstream, open_upstream


def told(upstream: Upstream) -> list[str]:
    """The texts that the backend received last."""
    messages: list[dict[str, Any]] = upstream.calls[-1].json["messages"]
    return [message["content"] for message in messages]


async def test_files_lie_where_the_host_says(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/house.md").write_text("of the house\n")
    (tmp_path / "beside.md").write_text("beside")
    section = {"default_file": "house.md"}
    async with open_upstream() as upstream:
        store = store_of(from_mapping(config(backend(upstream.url), global_prompts=section)))
        builder = ContinuumRouter.from_config(store.config).with_config_store(store).with_config_dir(tmp_path)
        async with await builder.build() as router:
            await router.chat(ChatRequest(MODEL, [Message.of_text("system", "own"), Message.of_text("user", "hi")]))
            assert told(upstream) == ["of the house\n\nown", "hi"]
            await router.chat(asked())
            assert told(upstream) == ["of the house", "hello"]
            async with router.stream(asked()) as stream:
                assert [event async for event in stream]
            assert told(upstream) == ["of the house", "hello"]
            changed = await store.get_config()
            changed.global_prompts.default_file = "beside.md"
            await store.set_config(changed)
            await router.chat(asked())
            assert told(upstream) == ["beside", "hello"]
