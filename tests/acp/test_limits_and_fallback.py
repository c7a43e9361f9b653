"""Limits and fallback chains as a session meets them, before the installed command: told in words, and usable after."""

from __future__ import annotations

import re
from pathlib import Path

from stdio_agent import Agent, Json, backend, open_agent, prompt

from continuum.testing.upstream import FAULTS, Answer, Plain, Request, Stream, open_upstream, openai

ONCE = {"requests_per_minute": 1}
LIMITS = {"enabled": True, "limits": {"per_model": ONCE, "global": {**ONCE, "burst_capacity": 3}}}
OF_ONE = "Rate limit of 1 request per minute for"
THROTTLED = Plain(openai.error("Slow down."), 429, (("retry-after", "33"),))
ANSWERS: dict[str, Answer] = {"busy": THROTTLED, "broken": FAULTS["status-503"].answer}


def script(request: Request) -> Answer:
    return ANSWERS.get(request.model, Stream((f"{request.model} says so",)))


async def choose(agent: Agent, session: str, model: str) -> None:
    await agent.call(
        f"choose {model}", "session/set_config_option", sessionId=session, configId="model", value=model, type="select"
    )


async def turn(agent: Agent, session: str, ident: str) -> Json:
    await agent.send(prompt(session, ident))
    return await agent.answer(ident)


def refused(answer: Json, words: str) -> int:
    """Held to be a refusal in these words; in how many seconds to try again, by its words and its data alike."""
    error = answer["error"]
    assert (error["code"], error["data"]["code"]) == (-32603, "rate_limit_exceeded")
    assert error["message"].startswith(words)
    found = re.search(r"try again in (\d+) s$", error["message"])
    assert found, error["message"]
    assert int(found[1]) == error["data"]["retryAfter"]
    return int(found[1])


async def test_a_limit_is_told_with_the_time_and_the_session_goes_on(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream(script) as upstream:
        backends = [backend(upstream.url, name, name) for name in ("alpha", "beta", "busy", "gamma")]
        settings = {"default_model": "alpha"}
        async with open_agent(continuum_command, tmp_path, *backends, rate_limiting=LIMITS, acp=settings) as agent:
            session = await agent.new_session()
            assert (await turn(agent, session, "one"))["result"]["stopReason"] == "end_turn"
            assert 1 <= refused(await turn(agent, session, "two"), f"{OF_ONE} this model") <= 60
            await choose(agent, session, "busy")
            assert 1 <= refused(await turn(agent, session, "three"), "Every backend throttles this model") <= 33
            await choose(agent, session, "beta")
            assert (await turn(agent, session, "four"))["result"]["stopReason"] == "end_turn"
            await choose(agent, session, "gamma")
            assert 1 <= refused(await turn(agent, session, "five"), f"{OF_ONE} all callers together") <= 60
            assert agent.said() == ["alpha says so", "beta says so"]
    assert [call.model for call in upstream.calls] == ["alpha", "busy", "beta"], "who is refused asks nobody"


async def test_a_fallback_is_told_as_a_thought(continuum_command: str, tmp_path: Path) -> None:
    chains = {"enabled": True, "fallback_chains": {"broken": ["stand-in"]}}
    async with open_upstream(script) as upstream:
        backends = [backend(upstream.url, name, name) for name in ("broken", "stand-in")]
        opened = open_agent(
            continuum_command,
            tmp_path,
            *backends,
            fallback=chains,
            retry={"max_attempts": 1},
            acp={"default_model": "broken"},
        )
        async with opened as agent:
            session = await agent.new_session()
            for ident in ("one", "two"):
                assert (await turn(agent, session, ident))["result"]["stopReason"] == "end_turn"
            told = "broken could not answer (error_code_503): stand-in does"
            assert agent.said("agent_thought_chunk") == [told, told], "once a turn"
            assert agent.said() == ["stand-in says so"] * 2
