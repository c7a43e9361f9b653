"""`continuum backends list|probe` and `continuum models`: what they show, to programs and to people."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import invoke
from serving import BACKEND_KEY
from shaped import read

from continuum.cli.shapes import Backends, Models, Probes
from continuum.testing.upstream import Plain, Request, Step, open_upstream

NOWHERE = "http://127.0.0.1:9"
SERVER = [sys.executable, "-m", "continuum.testing.upstream", "--port", "{port}"]


@asynccontextmanager
async def configured(home: Path) -> AsyncGenerator[None]:
    """Two servers, one of which shows what it is; one that is gone; one that is managed."""
    async with open_upstream(models=["a", "b"]) as plain, open_upstream(face="vllm", models=["b"]) as vllm:
        served = ["m", {"id": "nice", "upstream": "test-model"}]
        backends: list[dict[str, Any]] = [
            {"name": "plain", "type": "openai", "url": f"{plain.url}/v1", "api_keys": [BACKEND_KEY, "sk-other-one"]},
            {"name": "found", "url": vllm.url, "weight": 3},
            {"name": "gone", "url": NOWHERE},
            {
                "name": "kept",
                "type": "openai",
                "url": "http://127.0.0.1:{port}",
                "managed": {"command": SERVER},
                "models": served,
            },
            {"name": "off", "url": NOWHERE, "models": ["never"], "enabled": False},
        ]
        routing = {"aliases": {"fast": "b", "dangling": "none"}, "default_model": "fast"}
        sections = {
            "backends": backends,
            "routing": routing,
            "server": {"bind_address": NOWHERE.removeprefix("http://")},
        }
        file = home / "continuum.yaml"
        file.write_text(yaml.safe_dump(sections), encoding="utf-8")
        yield


async def test_models(home: Path) -> None:
    async with configured(home):
        for_programs = await invoke("models", "--json")
        for_people = await invoke("models")
    shown = read(for_programs.stdout, Models)
    assert shown["default"] == "fast"
    assert [(each["id"], each["backends"], each["alias_of"], each["context_window"]) for each in shown["models"]] == [
        ("a", ["plain"], None, None),
        ("b", ["plain", "found"], None, None),
        ("m", ["kept"], None, None),
        ("nice", ["kept"], None, None),
        ("fast", ["plain", "found"], "b", None),
    ]
    assert [each["backend"] for each in shown["failed"]] == ["gone"]
    assert for_people.stdout.splitlines() == [
        "MODEL  BACKENDS      CONTEXT",
        "a      plain",
        "b      plain, found",
        "m      kept",
        "nice   kept",
        "fast   plain, found           alias of b, default",
    ]
    assert for_people.stderr == (
        "continuum: backend gone: nothing listens at its address: connection refused; "
        "start its server, or correct its url\n"
    )
    assert (for_programs.exit_code, for_people.exit_code) == (0, 0)


@pytest.mark.usefixtures("home")
async def test_no_models() -> None:
    done = await invoke("models", "--json", "--set", f'backends=[{{"name": "a", "url": "{NOWHERE}"}}]')
    assert (done.exit_code, read(done.stdout, Models)["models"]) == (1, [])


async def test_list(home: Path) -> None:
    async with configured(home):
        for_programs = await invoke("backends", "list", "--json")
        for_people = await invoke("backends", "list")
    shown = read(for_programs.stdout, Backends)
    listed = shown["backends"]
    assert (shown["router"], {each["live"] is None for each in listed}) == (None, {True}), "none runs"
    plain, _, _, kept, off = listed
    assert (plain["keys"], plain["models"], kept["models"], kept["managed"]) == (2, None, ["m", "nice"], True)
    assert (off["enabled"], listed[1]["weight"]) == (False, 3)
    lines = for_people.stdout.splitlines()
    assert lines[0].split() == ["NAME", "TYPE", "MODELS", "KEYS", "WEIGHT", "URL"]
    assert [line.split()[0] for line in lines[1:]] == [each["name"] for each in listed]
    assert lines[5].split() == ["off", "generic", "1", "0", "1", "disabled", NOWHERE]
    assert BACKEND_KEY not in (for_programs.stdout + for_people.stdout)


async def test_probe(home: Path) -> None:
    async with configured(home):
        everything = await invoke("backends", "probe", "--json")
        some = await invoke("backends", "probe", "kept", "found", "--start", "--json")
        unknown = await invoke("backends", "probe", "plian")
    probes = read(everything.stdout, Probes)
    assert (everything.exit_code, probes["ok"]) == (1, False)
    states = [(each["name"], each["provider"], each["state"], each["models"]) for each in probes["backends"]]
    assert states == [
        ("plain", "openai", "ok", ["a", "b"]),
        ("found", "vllm", "ok", ["b"]),
        ("gone", "generic", "failed", []),
        ("kept", "openai", "stopped", ["m", "nice"]),
        ("off", "generic", "disabled", ["never"]),
    ]
    started = read(some.stdout, Probes)
    assert (some.exit_code, started["ok"]) == (0, True)
    assert [(each["name"], each["state"]) for each in started["backends"]] == [("found", "ok"), ("kept", "ok")]
    (note,) = started["backends"][1]["notes"]
    assert note["what"] == "it does not list the model 'm'"
    assert unknown.exit_code == 2
    assert "there is no backend 'plian'; did you mean 'plain'?" in unknown.stderr


class ByKey:
    """A list of models for one key only."""

    def steps(self, request: Request) -> Iterable[Step]:
        known = dict(request.headers).get("authorization") == "Bearer sk-good-key"
        return Plain({"object": "list", "data": [{"id": "m"}]}, 200 if known else 401).steps(request)


@pytest.mark.usefixtures("home")
async def test_of_several_keys_the_refused_one_is_named() -> None:
    async with open_upstream() as upstream:
        upstream.pages["/v1/models"] = ByKey()
        entry = f'{{"name": "a", "type": "openai", "url": "{upstream.url}", "api_keys": ["sk-bad-key", "sk-good-key"]}}'
        done = await invoke("backends", "probe", "--json", "--set", f"backends=[{entry}]")
    (shown,) = read(done.stdout, Probes)["backends"]
    assert (done.exit_code, shown["state"], shown["models"]) == (1, "ok", ["m"])
    assert [each["what"] for each in shown["problems"]] == ["it refuses key 1 of 2: it answers 401"]
