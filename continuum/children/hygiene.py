"""What a program that we start may know of us (its environment), and what of its output may be repeated (redaction)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

__all__ = ["Redactor", "reduced_environment"]

_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_PASSED_ON: Final = re.compile(
    r"""
    PATH | HOME | USER | LOGNAME | SHELL | LANG | LANGUAGE | LC_.* | TZ | TMPDIR | TMP | TEMP | XDG_.*
    | PIP_.* | PYTHON.* | VIRTUAL_ENV | LD_LIBRARY_PATH | DYLD_.*
    | SSL_CERT_(FILE|DIR) | (REQUESTS|CURL)_CA_BUNDLE | (?i:(HTTP|HTTPS|ALL|NO)_PROXY)
    | (CUDA|HIP|ROCR|GPU|OMP|GGML|LLAMA|HF|OLLAMA|VLLM)_.* | CONTINUUM_LOCAL_MODEL
    """,
    re.VERBOSE,
)
_USERINFO: Final = re.compile(r"://[^/\s]*@")
_SECRET_OPTION: Final = re.compile(r"--?[\w-]*(?:key|token|secret|password)[\w-]*", re.IGNORECASE)

_MASK: Final = "***"
_SHORTEST_SECRET: Final = 6
_LONGEST_LINE: Final = 300
# Every repetition that something must follow is bounded: the lines are a stranger's, and this runs in the event loop.
_PATTERNS: Final = (
    (re.compile(r"\b[a-z][a-z0-9+.-]{0,20}://[^\s'\"<>]+", re.IGNORECASE), "<url>"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), rf"\1 {_MASK}"),
    (
        re.compile(r"(?i)((?:key|token|secret|password)[\w-]{0,20}['\"]?\s{0,3}[=:]\s{0,3})['\"]?[^\s'\",]+"),
        rf"\1{_MASK}",
    ),
    (re.compile(r"\b(?:sk|pk|hf|ghp|xox[a-z])[-_][\w-]{8,}"), _MASK),
    (re.compile(r"(?<![\w.])~?/[^\s'\":;,()<>]+"), "<path>"),
)
_UNPRINTABLE: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]")


def reduced_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of the environment a child process gets: what programs need to run, nothing named like a secret, and
    no URL with a password in it.
    """
    return {
        name: value
        for name, value in environ.items()
        if _PASSED_ON.fullmatch(name) and not _SECRET_NAME.search(name) and not _USERINFO.search(value)
    }


class Redactor:
    """Makes a line of foreign output fit for logs and messages.

    Secrets of our own environment and of the command line are masked by value; URLs, paths and whatever looks like a
    credential by shape; control characters go, and length is bounded.
    """

    __slots__ = ("_known",)

    def __init__(self, environ: Mapping[str, str], command: Sequence[str]) -> None:
        values = {value for name, value in environ.items() if _SECRET_NAME.search(name)}
        values.update(_option_values(command))
        known = sorted((value for value in values if len(value) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __repr__(self) -> str:
        return "Redactor()"

    def __call__(self, line: str) -> str:
        line = _UNPRINTABLE.sub(" ", line)
        if self._known is not None:
            line = self._known.sub(_MASK, line)
        for pattern, replacement in _PATTERNS:
            line = pattern.sub(replacement, line)
        line = " ".join(line.split())
        return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def _option_values(command: Sequence[str]) -> Iterable[str]:
    for option, following in zip(command, [*command[1:], ""], strict=True):
        name, equals, value = option.partition("=")
        if _SECRET_OPTION.fullmatch(name):
            yield value if equals else following
