"""The section `cors`: which web pages of other origins may call from a browser."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from continuum.config.quantity import Duration, seconds
from continuum.config.section import Reload, Section
from continuum.config.types import matching

_ORIGIN = r"\*|[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
_HEADER = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"

Origin = Annotated[
    str,
    AfterValidator(matching(_ORIGIN, 'must be an origin such as "https://app.example.com" in lower case, or "*"')),
    WithJsonSchema({"type": "string", "pattern": f"^({_ORIGIN})$"}),
]
HeaderName = Annotated[
    str,
    AfterValidator(matching(_HEADER, 'must be a header name, or "*"')),
    WithJsonSchema({"type": "string", "pattern": f"^{_HEADER}$"}),
]


class Cors(Section, reload=Reload.GRADUAL, admin=False):
    """Web pages of other origins that may call from a browser; none as long as allow_origins is empty."""

    allow_origins: list[Origin] = Field(
        default=[],
        description='Origins (scheme://host:port) that may call; "*" is every one, and then never with credentials '
        "of the browser's own.",
    )
    allow_methods: list[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]] = Field(
        default=["GET", "HEAD", "POST", "DELETE"], description="Methods they may use."
    )
    allow_headers: list[HeaderName] = Field(
        default=["*"], description='Request headers they may set; "*" is every one, Authorization included.'
    )
    max_age: Duration = Field(
        default=seconds("10m"), description="How long a browser may keep the permission, in seconds or with a unit."
    )
