"""Configurations written in Python: builders that gather plain values and judge them all at once, at `build`.

No rule and no default stands here: values go through the same validation as a file's.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Self

from continuum.config.loading import from_mapping
from continuum.config.model import Config
from continuum.config.overlay import lay
from continuum.config.plain import is_list, is_mapping
from continuum.config.sections.backends import BackendConfig
from continuum.errors import ConfigError

__all__ = [
    "BackendConfig",
    "BackendConfigBuilder",
    "BackendType",
    "BackendTypeConfig",
    "Config",
    "ConfigBuilder",
    "ConfigError",
]


class BackendType(StrEnum):
    """The providers by name, for type checkers and completion; each works wherever its string does."""

    OPENAI = "openai"
    AZURE = "azure"
    VLLM = "vllm"
    OLLAMA = "ollama"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    LLAMACPP = "llamacpp"
    GENERIC = "generic"


BackendTypeConfig = BackendType
"""Its name in the reference API."""


class BackendConfigBuilder:
    """One backend in the making. Start with its provider's constructor; the name is the provider's unless given.

    Nothing is judged before `build`.
    """

    def __init__(self, kind: BackendType | str, url: str | None = None, key: str | None = None) -> None:
        self._values: dict[str, object] = {"name": str(kind), "type": str(kind)}
        self._put("url", url)
        self._put("api_key", key)

    @classmethod
    def openai(cls, url: str | None = None, key: str | None = None) -> Self:
        """OpenAI, or a service at `url` that behaves like it."""
        return cls(BackendType.OPENAI, url, key)

    @classmethod
    def azure(cls, url: str | None = None, key: str | None = None) -> Self:
        """Azure OpenAI; `url` is the resource's. Add `api_version` and `deployment`s."""
        return cls(BackendType.AZURE, url, key)

    @classmethod
    def anthropic(cls, url: str | None = None, key: str | None = None) -> Self:
        """Anthropic."""
        return cls(BackendType.ANTHROPIC, url, key)

    @classmethod
    def gemini(cls, url: str | None = None, key: str | None = None) -> Self:
        """Google Gemini."""
        return cls(BackendType.GEMINI, url, key)

    @classmethod
    def ollama(cls, url: str | None = None) -> Self:
        """Ollama."""
        return cls(BackendType.OLLAMA, url)

    @classmethod
    def vllm(cls, url: str) -> Self:
        """Server of vLLM."""
        return cls(BackendType.VLLM, url)

    @classmethod
    def llamacpp(cls, url: str) -> Self:
        """Server of llama.cpp."""
        return cls(BackendType.LLAMACPP, url)

    @classmethod
    def generic(cls, url: str) -> Self:
        """Whatever speaks the OpenAI API; what it is, is found out."""
        return cls(BackendType.GENERIC, url)

    def name(self, name: str) -> Self:
        """Unique name: letters, digits, `_` and `-`."""
        return self._put("name", name)

    def models(self, *models: str) -> Self:
        """The models it serves; without any they are asked of the server."""
        return self._put("models", list(models))

    def model(self, served: str, *, upstream: str) -> Self:
        """One more model, served under another name than the server knows it by."""
        return self._add("models", {"id": served, "upstream": upstream})

    def weight(self, weight: int) -> Self:
        """Share of the requests, 1 to 100."""
        return self._put("weight", weight)

    def api_key(self, *keys: str) -> Self:
        """The key, or several that take turns."""
        self._values.pop("api_key", None)
        return self._put("api_keys", list(keys)) if len(keys) > 1 else self._put("api_key", *keys)

    def header(self, name: str, value: str) -> Self:
        """A header added to each request."""
        return self._lay("headers", name, value)

    def api_version(self, version: str) -> Self:
        """Azure: version of the API."""
        return self._put("api_version", version)

    def deployment(self, model: str, name: str) -> Self:
        """Azure: the deployment that serves a model."""
        return self._lay("deployments", model, name)

    def max_in_flight(self, count: int) -> Self:
        """Concurrent requests at which it is full."""
        return self._put("max_in_flight", count)

    def enabled(self, on: bool) -> Self:  # noqa: FBT001 - a switch by name
        """Whether requests may be sent to it."""
        return self._put("enabled", on)

    def build(self) -> BackendConfig:
        """The backend. Raises ConfigError with every fault."""
        try:
            return from_mapping({"backends": [self.values()]}).backends[0]
        except ConfigError as error:
            own = [replace(each, key=each.key.removeprefix("backends.0.")) for each in error.problems]
            raise ConfigError(own) from None

    def values(self) -> dict[str, object]:
        """What was given so far, as a configuration file would hold it: secrets in plain text."""
        return dict(self._values)

    def _put(self, key: str, value: object = None) -> Self:
        if value is not None:
            self._values[key] = value
        return self

    def _add(self, key: str, item: object) -> Self:
        there = self._values.get(key)
        return self._put(key, [*(there if is_list(there) else ()), item])

    def _lay(self, key: str, name: str, value: str) -> Self:
        there = self._values.get(key)
        return self._put(key, {**(there if is_mapping(there) else {}), name: value})


class ConfigBuilder:
    """A whole configuration in the making; what is not said is the default. Nothing is judged before `build`."""

    def __init__(self) -> None:
        self._values: dict[str, object] = {}
        self._backends: list[object] = []

    def add_backend(self, backend: BackendConfig | BackendConfigBuilder) -> Self:
        """One more backend. A builder need not be built first: its faults are told beside all others."""
        self._backends.append(backend.values() if isinstance(backend, BackendConfigBuilder) else backend)
        return self

    def bind_address(self, address: str) -> Self:
        """`host:port`, `[v6]:port` or `unix:/path`; several with commas."""
        return self.set("server.bind_address", address)

    def selection_strategy(self, name: str) -> Self:
        """How one of several backends is chosen."""
        return self.set("routing.selection_strategy", name)

    def alias(self, name: str, model: str) -> Self:
        """Another name for a model."""
        return self._lay({"routing": {"aliases": {name: model}}})

    def default_model(self, model: str) -> Self:
        """The model for calls that name none."""
        return self.set("routing.default_model", model)

    def enable_health_checks(self, on: bool = True) -> Self:  # noqa: FBT001, FBT002 - a switch by name
        """Whether backends are probed."""
        return self.set("health_checks.enabled", on)

    def enable_circuit_breaker(self, on: bool = True) -> Self:  # noqa: FBT001, FBT002 - a switch by name
        """Whether failing backends are left alone for a while."""
        return self.set("circuit_breaker.enabled", on)

    def enable_metrics(self, on: bool = True) -> Self:  # noqa: FBT001, FBT002 - a switch by name
        """Whether metrics are kept."""
        return self.set("metrics.enabled", on)

    def logging_level(self, level: str) -> Self:
        """trace, debug, info, warn or error."""
        return self.set("logging.level", level)

    def set(self, key: str, value: object) -> Self:
        """Any other key by its dotted name as the reference has it: `set("retry.max_attempts", 2)`."""
        nested: object = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        return self._lay(nested)

    def build(self) -> Config:
        """The configuration. Raises ConfigError with every fault, two backends of one name included."""
        backends = {"backends": list(self._backends)} if self._backends else {}
        return from_mapping({**self._values, **backends})

    def _lay(self, layer: object) -> Self:
        self._values = lay(self._values, layer)
        return self
