"""A FastAPI application on uvicorn, with the router below /llm: it lives in a thread of its own, on trio.

pip install fastapi uvicorn
OPENAI_API_KEY=sk-… python -m uvicorn --app-dir examples fastapi_integration:app --port 8080
then: curl http://127.0.0.1:8080/hello; curl http://127.0.0.1:8080/llm/v1/models
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from continuum import ContinuumRouter


@asynccontextmanager
async def lifespan(host: FastAPI) -> AsyncGenerator[None]:
    """The router starts and stops with the host; a faulty configuration keeps both from starting."""
    builder = await ContinuumRouter.discover()
    async with builder.build_asyncio_app() as llm:
        host.mount("/llm", llm)
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/hello")
async def hello() -> dict[str, str]:
    """A route of the host."""
    return {"hello": "world"}
