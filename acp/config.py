"""The section `acp` under the name that host programs look for: what the agent may do, and with what."""

from continuum.config.sections.acp import AcpConfig

__all__ = ["AcpConfig"]
