"""A FastAPI application on uvicorn, with the router below /llm: it lives in a thread of its own, on trio.

pip install fastapi uvicorn
OPENAI_API_KEY=sk-… python examples/fastapi_integration.py 8080
then: curl http://127.0.0.1:8080/hello; curl http://127.0.0.1:8080/llm/v1/models
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import fastapi
import uvicorn

from continuum import ContinuumRouter

llm = asyncio.run(ContinuumRouter.discover()).build_asyncio_app()


@asynccontextmanager
async def lifespan(_: fastapi.FastAPI) -> AsyncGenerator[None]:
    """The router starts and stops with the host; a faulty configuration keeps both from starting."""
    async with llm:
        yield


app = fastapi.FastAPI(lifespan=lifespan)
app.mount("/llm", llm)


@app.get("/hello")
async def hello() -> dict[str, str]:
    """A route of the host."""
    return {"hello": "world"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]))
