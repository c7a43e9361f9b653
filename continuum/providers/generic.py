"""Any server that speaks OpenAI's chat completions: what it promises beyond that, its list of models tells."""

from continuum.providers.base import Loopback, Provider

__all__ = ["PROVIDER"]

PROVIDER = Provider(
    name="generic",
    detected=True,
    loopback=(Loopback(title="LM Studio", port=1234, owner="organization_owner"),),
)
