"""The section `admin`: who may administer the router over HTTP."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from continuum.config.address import Cidr, parse_bind
from continuum.config.plain import is_list
from continuum.config.secret import Credential, Secret
from continuum.config.section import Group, Path, Reload, Section, defaults_of
from continuum.config.types import Word

NO_AUTH = "none"
_SHORT = {"bearer": "bearer_token"}


def _method(value: object) -> object:
    return _SHORT.get(value, value) if isinstance(value, str) else value


def _no_colon(text: str) -> str:
    if ":" in text:
        raise ValueError("must not hold ':'")
    return text


Username = Annotated[Word, AfterValidator(_no_colon)]


class AdminAuth(Group):
    """How an administrator is known."""

    method: Annotated[
        Literal["none", "bearer_token", "basic", "api_key"],
        BeforeValidator(_method),
        WithJsonSchema({"type": "string", "enum": ["none", "bearer_token", "basic", "api_key", *_SHORT]}),
    ] = Field(
        default="bearer_token",
        description="What is shown: a bearer token, a user name with password, the header X-API-Key, or nothing, which "
        "is legal only when every bind address is loopback or unix. A proxy on the same machine makes the world look "
        "like loopback: use a token. bearer is short for bearer_token.",
    )
    token: Credential | None = Field(
        default=None, description="The token; absent: generated at the first start into admin.token in storage.dir."
    )
    username: Username | None = Field(default=None, description="The user name of the method basic.")
    password: Secret | None = Field(default=None, description="The password of the method basic.")
    api_key: Credential | None = Field(default=None, description="The key of the method api_key; absent: the token.")

    @property
    def secret(self) -> Secret | None:
        """What opens for the methods api_key and bearer_token; None where it has to be generated."""
        return (self.api_key or self.token) if self.method == "api_key" else self.token

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        if given.get("method") == "basic":
            for key in ("username", "password"):
                if given.get(key) is None:
                    yield (key,), "is required for the method basic"


class AdminRateLimit(Group):
    """How many requests an administrator's address may send."""

    requests_per_minute: int = Field(ge=1, description="Requests per minute.")
    burst: int | None = Field(default=None, ge=1, description="Requests at once; absent: a minute's worth.")


class Admin(Section, reload=Reload.GRADUAL):
    """Who may administer the router over HTTP, and from where."""

    auth: AdminAuth = defaults_of(AdminAuth)
    ip_whitelist: list[Cidr] = Field(
        default=[], description="Addresses or networks that may administer. Empty: every address."
    )
    max_history_entries: int = Field(default=100, ge=1, description="Versions of the configuration that are kept.")
    max_backend_name_length: int = Field(default=256, ge=1, description="Characters that a backend's name may have.")
    rate_limit: AdminRateLimit | None = Field(default=None, description="Limit for each address; absent: none.")


def open_to_others(bind_address: object) -> bool:
    """Can other machines reach one of these addresses? What is no address is told elsewhere, and is no reason here."""
    parts: list[object] = bind_address if is_list(bind_address) else [bind_address]
    try:
        return not all(address.loopback for part in parts for address in parse_bind(str(part)))
    except ValueError:
        return False
