"""A configuration made in code, and calls without HTTP: the answer streams to the terminal.

OPENAI_API_KEY=sk-… python examples/programmatic_config.py gpt-4o-mini "Why is the sky blue?"
OLLAMA_URL=http://127.0.0.1:11434 python examples/programmatic_config.py llama3.2 "Why is the sky blue?"
"""

import os
import sys

import trio

from continuum import BackendConfigBuilder, ConfigBuilder, ContinuumError, ContinuumRouter
from continuum.chat import TextDelta


def backend() -> BackendConfigBuilder:
    """The one whose variable is set."""
    if url := os.environ.get("OLLAMA_URL"):
        return BackendConfigBuilder.ollama(url)
    if key := os.environ.get("OPENAI_API_KEY"):
        return BackendConfigBuilder.openai(os.environ.get("OPENAI_BASE_URL"), key)
    sys.exit("set OLLAMA_URL or OPENAI_API_KEY")


async def main(model: str, question: str) -> None:
    """Ask once, and print what comes."""
    config = ConfigBuilder().add_backend(backend()).set("retry.max_attempts", 2).build()
    request = {"model": model, "messages": [{"role": "user", "content": question}]}
    async with await ContinuumRouter.from_config(config).build() as router:
        try:
            async with router.stream(request) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta):
                        print(event.text, end="", flush=True)
        except ContinuumError as fault:
            sys.exit(f"{fault.code}: {fault.message}")
    print()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
