"""Programs that we start: under a guardian each, so that nothing of them outlives us; what they may know of us.

Servers, commands and MCP servers alike. What they are for does not matter here.
"""

from continuum.children.guarded import Guarded
from continuum.children.hygiene import Redactor, reduced_environment

__all__ = ["Guarded", "Redactor", "reduced_environment"]
