"""Any server that speaks OpenAI's chat completions and promises nothing else."""

from continuum.providers.base import Provider

__all__ = ["PROVIDER"]

PROVIDER = Provider(name="generic")
