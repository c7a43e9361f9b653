"""The section `backends`: the upstream servers, one entry each."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from continuum.config.plain import is_list, is_mapping
from continuum.config.quantity import Delay, Duration, seconds
from continuum.config.secret import Credential, Secret
from continuum.config.section import Group, Path, Reload, Section, description
from continuum.config.types import UrlPath, Word, matching, one_of, printable
from continuum.config.url import PORT_FIELD, Url, parse_url
from continuum.providers import DEFAULT, PROVIDERS

_PROXIES = ("http", "https", "socks5", "socks5h")
_NAME = r"[A-Za-z0-9_-]+"
_HEADER = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def _header_name(text: str) -> str:
    if text.lower() in _FRAMING:
        raise ValueError("is a header that the connection itself sets")
    return text


BackendName = Annotated[
    str,
    AfterValidator(matching(_NAME, "must be letters, digits, '_' or '-'")),
    WithJsonSchema({"type": "string", "pattern": f"^{_NAME}$"}),
]
ProviderName = Annotated[
    str, AfterValidator(one_of(PROVIDERS)), WithJsonSchema({"type": "string", "enum": list(PROVIDERS)})
]
HeaderName = Annotated[
    str,
    AfterValidator(matching(_HEADER, "is not a header name")),
    AfterValidator(_header_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_HEADER}$"}),
]


def _proxy(secret: Secret) -> Secret:
    try:
        parts = urlsplit(secret.reveal())
        usable = parts.scheme in _PROXIES and bool(parts.hostname) and parts.port != 0 and parts.path in ("", "/")
    except ValueError:
        usable = False
    if not usable or "?" in secret.reveal() or "#" in secret.reveal() or " " in secret.reveal():
        raise ValueError("must be a URL such as http://proxy:3128, https://proxy:3129 or socks5://proxy:1080")
    return secret


Proxy = Annotated[Secret, AfterValidator(_proxy)]
"""A proxy's URL, which may hold a password, and so is shown masked."""


class ModelEntry(Group):
    """A model that is served under another name than its backend knows it by."""

    id: Word = Field(description="The name clients ask for.")
    upstream: Word | None = Field(default=None, description="The name sent to the backend; absent: the same.")


def _model(value: object) -> str | ModelEntry:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, (Mapping, ModelEntry)):
        return ModelEntry.model_validate(value)
    raise ValueError("must be a model id, or a mapping with id and upstream")


def _plain_model(model: str | ModelEntry) -> str | dict[str, str]:
    return model if isinstance(model, str) else model.model_dump(exclude_none=True)


Model = Annotated[
    str | ModelEntry,
    PlainValidator(_model),
    PlainSerializer(_plain_model, when_used="json"),
    WithJsonSchema(
        {
            "type": ["string", "object"],
            "minLength": 1,
            "properties": {
                name: {"type": "string", "minLength": 1, "description": field.description}
                for name, field in ModelEntry.model_fields.items()
            },
            "required": ["id"],
            "additionalProperties": False,
            "description": f"A model id, or {description(ModelEntry)[0].lower()}{description(ModelEntry)[1:]}",
        }
    ),
]


class HealthCheckOverride(Group):
    """What this backend's health check does differently."""

    enabled: bool | None = Field(default=None, description="Whether the backend is probed.")
    path: UrlPath | None = Field(default=None, description="Path that is probed.")
    interval: Duration | None = Field(default=None, description="Time between probes, in seconds or with a unit.")
    timeout: Duration | None = Field(default=None, description="Time a probe may take, in seconds or with a unit.")


class RetryOverride(Group):
    """How often one call may try this backend."""

    max_attempts: int | None = Field(default=None, ge=1, description="Attempts this backend may get within one call.")
    base_delay: Delay | None = Field(
        default=None, description="Delay before the second one, in seconds or with a unit."
    )


class BackendTls(Group):
    """How the backend's certificate is judged, and what we show it."""

    verify: bool = Field(default=True, description="Whether the certificate must be valid.")
    ca_file: Word | None = Field(
        default=None, description="PEM file with the authorities to trust instead of the system's."
    )
    cert_file: Word | None = Field(default=None, description="PEM file with our own certificate.")
    key_file: Word | None = Field(default=None, description="PEM file with our own private key.")


class Managed(Group):
    """A server that the router itself starts, watches and stops."""

    command: list[Word] = Field(
        min_length=1, description=f"The program and its arguments; {PORT_FIELD} stands for a free port. No shell."
    )
    ready_path: Word = Field(default="/health", description="Path that answers 200 once the server can take requests.")
    start_timeout: Duration = Field(
        default=seconds("60s"), description="Time the server gets to become ready, in seconds or with a unit."
    )
    idle_stop: Duration | None = Field(
        default=None,
        description="Stop the server after this long without a request, in seconds or with a unit; absent: never.",
    )

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        path = given.get("ready_path")
        if isinstance(path, str) and not path.startswith("/"):
            yield ("ready_path",), "must begin with /"


class BackendConfig(Section, reload=Reload.GRADUAL):
    """Upstream servers that requests are sent to."""

    name: BackendName = Field(description="Unique name: letters, digits, '_' and '-'.")
    type: ProviderName = Field(
        default=DEFAULT.name,
        description="What kind of server it is; the default speaks the OpenAI API and is detected.",
    )
    url: Url | None = Field(
        default=None,
        description=f"http, https or http+unix URL; a trailing /v1 changes nothing. {PORT_FIELD} is the free port of "
        "a managed server. Absent: the provider's own, where it has one.",
    )
    api_key: Credential | None = Field(default=None, description="Key sent to the backend.")
    api_keys: list[Credential] = Field(
        default=[], description="Several keys that take turns; one the backend refuses rests on its own."
    )
    org_id: Word | None = Field(default=None, description="Sent as OpenAI-Organization.")
    api_version: Word | None = Field(default=None, description="Azure: version of the API.")
    deployments: dict[Word, Word] = Field(default={}, description="Azure: model to deployment.")
    headers: dict[HeaderName, Credential] = Field(
        default={}, description="Headers added to each request; shown masked."
    )
    weight: int = Field(default=1, ge=1, le=100, description="Share of the requests, from 1 to 100.")
    models: list[Model] = Field(
        default=[], description="Models it serves, each an id or {id, upstream}. Empty: asked of the backend."
    )
    enabled: bool = Field(default=True, description="Whether requests may be sent to it.")
    max_in_flight: int | None = Field(default=None, ge=1, description="Concurrent requests; at that number it is full.")
    health_check: HealthCheckOverride | None = Field(
        default=None, description="What differs from the section health_checks."
    )
    retry_override: RetryOverride | None = Field(default=None, description="What differs from the section retry.")
    tls: BackendTls | None = Field(default=None, description="TLS towards the backend.")
    proxy: Proxy | None = Field(default=None, description="URL of an HTTP or SOCKS proxy; shown masked.")
    http2: bool = Field(default=False, description="Speak HTTP/2 to the backend.")
    managed: Managed | None = Field(default=None, description="Start the server on first use; only from the file.")

    if TYPE_CHECKING:  # what pydantic makes of what is given is told by the fields; this is what may be given

        def __init__(
            self,
            *,
            name: str,
            type: str = ...,  # noqa: A002 - the key's name
            url: str | None = ...,
            api_key: str | Secret | None = ...,
            api_keys: list[str] | list[Secret] = ...,
            models: list[str] | list[ModelEntry] | list[str | ModelEntry] | list[dict[str, str]] = ...,
            **more: Any,
        ) -> None: ...

    @property
    def backend_type(self) -> str:
        """The same as `type`: its name in the reference API."""
        return self.type

    @property
    def base(self) -> str:
        """The URL without a trailing slash or `/v1`; the provider's where none is given; may hold `{port}`."""
        url = self.url or PROVIDERS[self.type].default_url or ""
        if PORT_FIELD in url:
            return url.rstrip("/").removesuffix("/v1").rstrip("/")
        return parse_url(url).base

    @property
    def keys(self) -> list[Secret]:
        """Every key there is, in turn order."""
        return [self.api_key] if self.api_key else self.api_keys

    @property
    def credentials(self) -> list[Secret]:
        """All that its requests carry and nobody else may see."""
        return [*self.keys, *self.headers.values()]

    @property
    def entries(self) -> list[ModelEntry]:
        """The configured models (else those with a deployment), each with the name clients ask for and the name that
        is sent, both given. Empty: the server is asked.
        """
        listed = self.models or list(self.deployments)
        entries = [ModelEntry(id=each) if isinstance(each, str) else each for each in listed]
        return [ModelEntry(id=each.id, upstream=each.upstream or each.id) for each in entries]

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        yield from _url_faults(given)
        url = given.get("url")
        if isinstance(url, str) and url.startswith("http+unix:"):
            for key in ("proxy", "http2"):
                if given.get(key):
                    yield (key,), "means nothing for a unix socket"
        if given.get("api_key") is not None and given.get("api_keys"):
            yield ("api_keys",), "must not stand beside api_key; list every key here"
        tls = given.get("tls")
        if is_mapping(tls) and bool(tls.get("cert_file")) != bool(tls.get("key_file")):
            yield ("tls",), "must hold both cert_file and key_file, or neither"


def _url_faults(given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
    url, kind, managed = given.get("url"), given.get("type", DEFAULT.name), given.get("managed")
    if url is None:
        provider = PROVIDERS.get(kind) if isinstance(kind, str) else None
        if provider and not provider.default_url:
            yield ("url",), f"is required for a backend of type {kind}"
        return
    command = managed.get("command") if is_mapping(managed) else getattr(managed, "command", None)
    in_url = isinstance(url, str) and PORT_FIELD in url
    in_command = is_list(command) and any(isinstance(part, str) and PORT_FIELD in part for part in command)
    if in_url and managed is None:
        yield ("url",), f"must not hold {PORT_FIELD}: the backend is not managed"
    elif in_url != in_command and managed is not None:
        yield ("managed",), f"must have {PORT_FIELD} both in its command and in url, or in neither"


def name_faults(backends: object, longest: object) -> Iterable[tuple[Path, str]]:
    """A fault for each backend whose name an earlier one has, or is longer than `longest`."""
    seen: set[str] = set()
    for index, backend in enumerate(backends if is_list(backends) else ()):
        name = backend.get("name") if is_mapping(backend) else getattr(backend, "name", None)
        if not isinstance(name, str):
            continue
        if name in seen:
            yield (index, "name"), "must be unique; another backend has this name"
        if isinstance(longest, int) and len(name) > longest:
            yield (index, "name"), f"must not be longer than {longest} characters (admin.max_backend_name_length)"
        seen.add(name)
