"""What a managed server does next, and what it may know and say: decided without a process."""

import pytest

from continuum.backends.managed.lifecycle import BACKOFF_FIRST, BACKOFF_MOST, STABLE_AFTER, Lifecycle
from continuum.children import Redactor, reduced_environment


def test_start_failures_back_off_exponentially_up_to_the_most() -> None:
    life = Lifecycle(None)
    now = 100.0
    delays: list[float] = []
    for _ in range(40):
        life.started()
        life.failed("exited", now)
        delay = life.refusal(now)
        assert delay is not None
        delays.append(delay)
        now += delay
        assert life.refusal(now) is None
    assert delays[:4] == pytest.approx([BACKOFF_FIRST * factor for factor in (1, 2, 4, 8)])
    assert delays[-1] == pytest.approx(BACKOFF_MOST)


def test_a_server_that_proved_itself_is_restarted_at_once() -> None:
    life = Lifecycle(None)
    for now in (0.0, 10 * STABLE_AFTER):
        life.became_ready(now)
        life.failed("exited", now + STABLE_AFTER)
        assert (life.state, life.failures) == ("stopped", 1)
    life.became_ready(1000.0)
    life.failed("exited", 1001.0)
    assert life.state == "backoff"


def test_idle_time_counts_from_the_last_release_or_from_ready() -> None:
    life = Lifecycle(5.0)
    life.waiting = 1
    life.became_ready(10.0)
    assert life.idle_deadline() is None
    life.waiting = 0
    assert life.idle_deadline() == 15.0
    life.use()
    assert life.idle_deadline() is None
    life.release(30.0)
    assert life.idle_deadline() == 35.0
    assert Lifecycle(None).idle_deadline() is None


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "HF_TOKEN", "PIP_PASSWORD", "XDG_SECRET", "LLAMA_API_KEY", "AWS_ACCESS_KEY_ID", "LD_PRELOAD"],
)
def test_environment_holds_no_secret(name: str) -> None:
    assert reduced_environment({name: "x", "PATH": "/bin", "https_proxy": "p"}) == {"PATH": "/bin", "https_proxy": "p"}


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain words, 100% fine", "plain words, 100% fine"),
        ("\x1b[31mred\x1b[0m\ttab\x07", "red tab"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("api_key=s3cr3tvalue other", "api_key=*** other"),
        ('{"password": "s3cr3tvalue"}', '{"password": ***"}'),
        ("using sk-abcdefghijkl now", "using *** now"),
        ("cannot open '/home/me/x.gguf'", "cannot open '<path>'"),
        ("and/or 1/2", "and/or 1/2"),
        ("key given on the line: topsecretvalue", "key given on the line: ***"),
    ],
)
def test_redaction(line: str, shown: str) -> None:
    redact = Redactor({}, ["server", "--api-key", "topsecretvalue"])
    assert redact(line) == shown
    assert "topsecret" not in repr(redact)
