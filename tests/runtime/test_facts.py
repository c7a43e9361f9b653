"""What an instance knows of models that their servers do not say."""

from continuum.config import from_mapping
from continuum.runtime import open_instance
from continuum.testing.upstream import open_upstream


async def test_a_window_that_no_server_tells() -> None:
    async with open_upstream() as upstream:
        entry = {"name": "a", "type": "openai", "url": upstream.url, "models": ["gpt-4o", "unheard-of"]}
        config = {"backends": [entry], "routing": {"aliases": {"best": "gpt-4o"}}, "health_checks": {"enabled": False}}
        async with open_instance(from_mapping(config)) as instance:
            windows = {model.id: model.context_window for model in instance.models()}
    assert windows == {"gpt-4o": 128_000, "unheard-of": None, "best": 128_000}
