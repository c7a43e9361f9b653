"""Secrets planted wherever one may be, and the search for any trace of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

WINDOW = 10
"""Characters in a row that are told by nobody by chance, and by no mask: it shows three and four."""


def secret(name: str, form: str = "", odd: str = "+/") -> str:
    """A secret of its own for each name. odd: in its middle, what URLs and base64 write otherwise."""
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()
    return f"{form}{digest[:14]}{odd}{digest[14:30]}"


@dataclass
class Planted:
    """What was planted, by where; and all that was said, by whom."""

    secrets: dict[str, str] = field(default_factory=dict[str, str])
    said: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def plant(self, name: str, form: str = "", odd: str = "+/") -> str:
        """A new secret. form: how it begins."""
        made = self.secrets[name] = secret(name, form, odd)
        return made

    def hear(self, whose: str, text: str | bytes | Iterable[str]) -> None:
        """Keep what was said."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "backslashreplace")
        self.said.append((whose, text if isinstance(text, str) else "\n".join(text)))

    def leaks(self) -> str:
        """Where what was found, a line for each, without the secret itself."""
        found = dict[tuple[str, str], str]()
        for whose, text in self.said:
            for name, form, trace in self._traces():
                if (at := text.find(trace)) >= 0:
                    found.setdefault((name, whose), f"{name} ({form}) in {whose}: …{text[max(0, at - 80) : at]}<HERE>")
        return "\n".join(found.values())

    def _traces(self) -> Iterator[tuple[str, str, str]]:
        for name, value in self.secrets.items():
            for form, trace in traces(value):
                yield name, form, trace


def traces(value: str) -> Iterator[tuple[str, str]]:
    """Each form in which a secret would be told: a piece of it, its common encodings, its digests."""
    for at in range(len(value) - WINDOW + 1):
        yield "as it is", value[at : at + WINDOW]
    raw = value.encode()
    for shift in range(3):  # wherever it stands in what was encoded
        encoded = base64.b64encode(b"x" * shift + raw).decode()[4:-4]
        yield "base64", encoded
        yield "base64url", encoded.replace("+", "-").replace("/", "_")
    yield "percent-encoded", quote(value, safe="")[-3 * WINDOW :]
    yield "hex", raw.hex()
    digest = hashlib.sha256(raw)
    yield "sha256", digest.hexdigest()[:16]
    yield "sha256, base64", base64.b64encode(digest.digest()).decode()[:16]
