"""Live upstreams: the pool, its catalog of models, and one request to one of them."""

from continuum.backends.backend import Backend
from continuum.backends.catalog import Catalog, Served
from continuum.backends.client import UpstreamClient, UpstreamResponse
from continuum.backends.outcome import Outcome
from continuum.backends.pool import Pool, open_pool

__all__ = ["Backend", "Catalog", "Outcome", "Pool", "Served", "UpstreamClient", "UpstreamResponse", "open_pool"]
