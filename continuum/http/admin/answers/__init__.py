"""What the admin API answers, a module for each group of routes: one class each, which the OpenAPI document is made
from.
"""

from continuum.http.admin.answers import backends, history, keys, live, prompts, sections, transfer

__all__ = ["backends", "history", "keys", "live", "prompts", "sections", "transfer"]
