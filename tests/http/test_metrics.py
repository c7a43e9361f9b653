"""What Prometheus reads from the real process, after calls of every kind."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.lowlevel
import yaml
from chat import CHAT, MODEL, ask, asked, client_of
from child import Child
from patience import PATIENCE_S
from ports import free_port
from prometheus_client.parser import text_string_to_metric_families
from serving import BACKEND_KEY, CLIENT_KEY, backend, config, open_router

from continuum.metrics import INSTRUMENTS
from continuum.testing.upstream import FAULTS, WORDS, Answer, Completion, Hang, Request, Stream, open_upstream

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics"
SEEN = 'continuum_requests_total{result="ok"}'
Labels = tuple[tuple[str, str], ...]


class Scraped(dict[tuple[str, Labels], float]):
    """Samples by name and labels."""

    def of(self, name: str, **labels: str) -> float:
        """One value, 0 where there is no such series."""
        return self.get((name, tuple(sorted(labels.items()))), 0.0)


async def scrape(client: httpx.AsyncClient, path: str = "/metrics", **headers: str) -> Scraped:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    assert BACKEND_KEY not in answer.text
    assert CLIENT_KEY not in answer.text
    families = text_string_to_metric_families(answer.text)
    return Scraped(
        ((sample.name, tuple(sorted(sample.labels.items()))), sample.value)
        for family in families
        for sample in family.samples
    )


async def leave_mid_stream(client: httpx.AsyncClient) -> None:
    async with trio.open_nursery() as nursery, client.stream("POST", CHAT, json=asked(stream=True)) as answer:
        async for _ in answer.aiter_raw():
            nursery.cancel_scope.cancel()


def gen_ai(operation: str = "chat", model: str = MODEL, **more: str) -> dict[str, str]:
    return {"gen_ai_operation_name": operation, "gen_ai_request_model": model, **more}


async def test_every_call_is_counted_as_it_ended(tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        return FAULTS["status-500"].answer if request.model == "bad" else Completion()

    keys = {"mode": "permissive", "api_keys": [{"id": "team", "key": CLIENT_KEY}]}
    chains = {"enabled": True, "fallback_chains": {"bad": [MODEL]}}
    async with open_upstream(script) as upstream:
        entry = backend(upstream.url, models=[MODEL, "bad"])
        configuration = config(entry, api_keys=keys, fallback=chains, retry={"base_delay": "1ms"})
        mine = {"authorization": f"Bearer {CLIENT_KEY}"}
        async with open_router(tmp_path, configuration) as router, client_of(router.url, headers=mine) as client:
            assert (await ask(client, asked())).is_whole()
            assert (await ask(client, asked(stream=True, usage=True))).is_whole()
            assert (await ask(client, asked("bad"))).is_whole()
            assert (await ask(client, asked("never heard of"))).status == 404
            upstream.push(Stream((WORDS[0], Hang())))
            await leave_mid_stream(client)
            with trio.fail_after(PATIENCE_S):
                while not (found := await scrape(client)).of("continuum_cancelled_calls_total", phase="streaming"):
                    await trio.lowlevel.checkpoint()
    calls = {"operation": "chat", "model": MODEL}
    assert found.of("continuum_requests_total", **calls, result="ok") == 3
    assert found.of("continuum_requests_total", **calls, result="cancelled") == 1
    assert found.of("continuum_requests_total", operation="chat", model="", result="model_not_found") == 1
    assert found.of("gen_ai_server_request_duration_seconds_count", **gen_ai(error_type="")) == 4
    assert found.of("gen_ai_server_time_to_first_token_seconds_count", **gen_ai()) == 2
    assert found.of("gen_ai_server_time_per_output_token_seconds_count", **gen_ai()) == 1
    assert found.of("gen_ai_client_token_usage_sum", **gen_ai(gen_ai_token_type="output")) == 3 * len(WORDS)
    assert found.of("continuum_tokens_total", model=MODEL, backend="alpha", kind="output") == 3 * len(WORDS)
    assert found.of("continuum_fallbacks_total", model="bad", fallback_model=MODEL, reason="error_code_500") == 1
    assert found.of("continuum_retries_total", model=MODEL) == 3, "a fallback's earlier attempts are its retries"
    assert found.of("continuum_attempts_total", backend="alpha", result="upstream_failed") == 3
    assert found.of("continuum_attempts_total", backend="alpha", result="ok") == 3
    assert found.of("continuum_attempts_total", backend="alpha", result="cancelled") == 1
    assert found.of("continuum_key_requests_total", key="team") == 5
    assert found.of("continuum_key_tokens_total", key="team", kind="output") == 3 * len(WORDS)
    assert found.of("continuum_http_requests_total", route=CHAT, status="200") == 3
    assert found.of("continuum_http_requests_total", route=CHAT, status="499") == 1
    assert found.of("continuum_http_requests_total", route=CHAT, status="404") == 1


async def test_gauges_say_what_is_now(tmp_path: Path) -> None:
    async with open_upstream(Completion(before=(Hang(),))) as upstream:
        entry = backend(upstream.url)
        breaker = {"failure_threshold": 1}
        async with (
            open_router(tmp_path, config(entry, circuit_breaker=breaker)) as router,
            client_of(router.url) as client,
        ):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, client, asked())
                await upstream.next_call()
                busy = await scrape(client)
                nursery.cancel_scope.cancel()
            upstream.push(*[FAULTS["status-500"].answer] * 3)
            assert (await ask(client, asked())).status == 502
            after = await scrape(client)
    assert busy.of("continuum_requests_in_flight") == 1
    assert busy.of("continuum_backend_in_flight", backend="alpha") == 1
    assert busy.of("continuum_backend_circuit", backend="alpha", state="closed") == 1
    assert busy.of("continuum_config_version") == 1
    assert after.of("continuum_backend_circuit", backend="alpha", state="open") == 1
    assert after.of("continuum_backend_circuit", backend="alpha", state="closed") == 0
    assert after.of("process_resident_memory_bytes") > 0


async def test_who_may_read_and_where(tmp_path: Path) -> None:
    section = {"endpoint": "/internal/prometheus", "auth": {"method": "bearer_token", "token": "metrics-token-4711"}}
    keys = {"mode": "blocking", "api_keys": [{"id": "team", "key": CLIENT_KEY}]}
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url), metrics=section, api_keys=keys)
        async with (
            open_router(tmp_path, configuration) as router,
            httpx.AsyncClient(base_url=router.url, trust_env=False) as client,
        ):
            for authorization in ("", "Bearer", "Bearer wrong", "Basic metrics-token-4711", f"Bearer {CLIENT_KEY}"):
                refused = await client.get("/internal/prometheus", headers={"authorization": authorization})
                assert refused.status_code == 401, authorization
                assert "continuum_" not in refused.text
            right = {"authorization": "Bearer metrics-token-4711"}
            assert (await client.post("/internal/prometheus", headers=right)).status_code == 405
            head = await client.head("/internal/prometheus", headers=right)
            assert (head.status_code, head.content) == (200, b"")
            found = await scrape(client, "/internal/prometheus", **right)
            assert found.of("continuum_http_requests_total", route="/internal/prometheus", status="401") == 5
            assert (await client.get("/metrics", headers={"x-api-key": CLIENT_KEY})).status_code == 404


async def test_what_calls_cost(tmp_path: Path) -> None:
    """The price is that of the name the backend knows; an edit of the file of prices holds for the next call."""
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {vendor-name: {pricing: {input: 1000000, output: 0}, context_window: 4711}}")
    admin = {"authorization": "Bearer admin-token-4711"}
    unpriced = {"model": "unpriced", "backend": "alpha"}
    async with open_upstream() as upstream:
        names = [{"id": MODEL, "upstream": "vendor-name"}, "unpriced"]
        configuration = {
            **config(
                {**backend(upstream.url), "models": names},
                admin={"auth": {"method": "bearer_token", "token": "admin-token-4711"}},
                api_keys={"api_keys": [{"id": "team", "key": CLIENT_KEY}]},
            ),
            "model_metadata_file": prices.name,
        }
        mine = {"authorization": f"Bearer {CLIENT_KEY}"}
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            used = (await ask(client, asked(), mine)).json["usage"]["prompt_tokens"]
            await ask(client, asked("unpriced"))
            first, stats = await scrape(client), (await client.get("/admin/stats", headers=admin)).json()
            prices.write_text("models: {vendor-name: {pricing: {input: 0, output: 0}}, unpriced: {aliases: [")
            await trio.to_thread.run_sync(router.wait_for_line, "the facts about models stay as they are")
            prices.write_text("models: {unpriced: {pricing: {input: 2000000, output: 0}}}")
            with trio.fail_after(PATIENCE_S):
                while not (last := await scrape(client)).of("continuum_cost_usd_total", **unpriced):
                    await ask(client, asked("unpriced"))
    assert first.of("continuum_cost_usd_total", model=MODEL, backend="alpha") == used
    assert first.of("continuum_key_cost_usd_total", key="team") == used
    assert first.of("continuum_unpriced_requests_total", **unpriced) == 1
    assert (stats["totals"]["cost"], stats["totals"]["unpriced_requests"]) == (used, 1)
    assert (stats["models"]["unpriced"]["cost"], stats["keys"]["team"]["cost"]) == (None, used)
    assert last.of("continuum_cost_usd_total", **unpriced) == 2 * used


async def test_openmetrics_for_those_who_ask(tmp_path: Path) -> None:
    async with open_router(tmp_path, config()) as router, client_of(router.url) as client:
        accept = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        answer = await client.get("/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_the_section_is_heeded_at_once(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        names = [f"m{number}" for number in range(20)]
        configuration = config(
            backend(upstream.url, models=names),
            metrics={"cardinality_limit": {"max_unique_label_values": 3}},
            admin={"auth": {"method": "bearer_token", "token": "admin-token-4711"}},
        )
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            for name in names:
                await ask(client, asked(name))
            found = await scrape(client)
            counted = {labels: value for (name, labels), value in found.items() if name == "continuum_requests_total"}
            assert sum(counted.values()) == len(names)
            assert {dict(labels)["model"] for labels in counted} == {"m0", "m1", "m2", "other"}

            async def patch(change: Mapping[str, Any]) -> None:
                headers = {"authorization": "Bearer admin-token-4711"}
                told = await client.patch("/admin/config/metrics", json={"config": change}, headers=headers)
                assert told.status_code == 200, told.text

            await patch({"enabled": False})
            assert (await client.get("/metrics")).status_code == 404
            await ask(client, asked("m0"))
            await patch({"enabled": True, "endpoint": "/scrape"})
            again = await scrape(client, "/scrape")
    assert again.of("continuum_requests_total", operation="chat", model="m0", result="ok") == 1


async def test_changes_of_the_configuration(tmp_path: Path) -> None:
    configuration = config()
    file = tmp_path / "continuum-under-test.yaml"
    async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
        file.write_text(yaml.safe_dump({**configuration, "retry": {"max_attempts": 2}}))
        await trio.to_thread.run_sync(router.wait_for_line, "version 2")
        good = await scrape(client)
        file.write_text("retry: {max_attempts: many}")
        await trio.to_thread.run_sync(router.wait_for_line, "the configuration in force stays as it is")
        bad = await scrape(client)
    assert good.of("continuum_config_changes_total", source="file_reload") == 1
    assert [each.of("continuum_config_last_reload_successful") for each in (good, bad)] == [1, 0]
    assert [each.of("continuum_config_version") for each in (good, bad)] == [2, 2]


@pytest.mark.parametrize("endpoint", ["/v1/models", "/admin/metrics", "/health", "/", "metrics", "/with space"])
def test_an_endpoint_that_is_taken_is_refused(tmp_path: Path, endpoint: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump({"metrics": {"endpoint": endpoint}}), encoding="utf-8")
    with Child(["-m", "continuum", "config", "check", str(file)], home=tmp_path) as check:
        assert check.wait() == 2
        assert "metrics.endpoint" in check.stderr


def prometheus(name: str) -> str:
    """A program of Prometheus' package, as `.ci/run` unpacks it, or as it is installed."""
    found = shutil.which(name, path=os.environ.get("CONTINUUM_PROMETHEUS", os.environ["PATH"]))
    if found is None:
        pytest.skip(f"{name} is not here (Debian: apt install prometheus), or CONTINUUM_PROMETHEUS does not say where")
    return found


async def test_promtool_has_nothing_to_say(tmp_path: Path) -> None:
    promtool = prometheus("promtool")
    async with (
        open_upstream() as upstream,
        open_router(tmp_path, config(backend(upstream.url))) as router,
        client_of(router.url) as client,
    ):
        await ask(client, asked())
        await ask(client, asked(stream=True))
        text = (await client.get("/metrics")).text
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)  # noqa: ASYNC221 - found above; quick
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


async def query(client: httpx.AsyncClient, path: str, **parameters: str) -> Any:
    """What Prometheus' own API answers; None while it does not."""
    try:
        answer = await client.get(f"/api/v1/{path}", params=parameters)
    except httpx.TransportError:
        return None
    told: Any = answer.json() if answer.status_code in (200, 400) else {}
    assert told.get("status", "success") == "success", told
    return told.get("data")


async def until(client: httpx.AsyncClient, path: str, wanted: Callable[[Any], object], **parameters: str) -> Any:
    """Ask until the answer is as wanted."""
    while (data := await query(client, path, **parameters)) is None or not wanted(data):  # noqa: ASYNC110 - it is another process that gets there
        await trio.sleep(0.1)
    return data


def expressions() -> list[str]:
    """Everything that the dashboard asks for, with its variables filled in."""
    board = json.loads((DOCS / "dashboard.json").read_text(encoding="utf-8"))
    asked_for = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return [each.replace("$instance", ".*").replace("$__rate_interval", "1m") for each in asked_for]


async def test_a_real_prometheus_scrapes_evaluates_the_rules_and_answers_the_dashboard(tmp_path: Path) -> None:
    program, port = prometheus("prometheus"), free_port()
    async with open_upstream() as upstream, open_router(tmp_path, config(backend(upstream.url))) as router:
        async with client_of(router.url) as client:
            await ask(client, asked())
        setup = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(DOCS / "alerts.yml")],
            "scrape_configs": [
                {"job_name": "continuum", "static_configs": [{"targets": [router.url.removeprefix("http://")]}]}
            ],
        }
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(setup), encoding="utf-8")
        options = (f"--web.listen-address=127.0.0.1:{port}", f"--config.file={tmp_path}/prometheus.yml")
        command = [program, *options, f"--storage.tsdb.path={tmp_path}/tsdb", "--log.level=error"]
        async with trio.open_nursery() as nursery, client_of(f"http://127.0.0.1:{port}") as client:
            nursery.start_soon(partial(trio.run_process, command, check=False))
            with trio.fail_after(2 * PATIENCE_S):
                found = await until(client, "query", lambda data: data["result"], query=SEEN)
                rules = await until(client, "rules", evaluated)
            assert [series["value"][1] for series in found["result"]] == ["1"]
            assert {rule["health"] for rule in rules_of(rules)} == {"ok"}, rules
            for expression in expressions():
                assert await query(client, "query", query=expression) is not None
            nursery.cancel_scope.cancel()


def rules_of(answer: Any) -> list[Any]:
    return [rule for group in answer["groups"] for rule in group["rules"]]


def evaluated(answer: Any) -> bool:
    return bool(rules_of(answer)) and all(rule["health"] != "unknown" for rule in rules_of(answer))


PROCESS = {"process_resident_memory_bytes", "up"}


def test_dashboard_and_alerts_ask_for_what_there_is() -> None:
    known = {each.name for each in INSTRUMENTS} | PROCESS
    known |= {f"{each.name}_{part}" for each in INSTRUMENTS if each.buckets for part in ("bucket", "sum", "count")}
    alerts = yaml.safe_load((DOCS / "alerts.yml").read_text(encoding="utf-8"))
    asked_for = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    names = {name for each in [*expressions(), *asked_for] for name in re.findall(r"\b[a-z_]+(?=\{|\[)|\bup\b", each)}
    assert names <= known
    recorded = {each.name for each in INSTRUMENTS if not each.gauge}
    assert len(recorded & names) > 5
