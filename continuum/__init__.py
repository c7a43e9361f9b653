"""Continuum: one routing core for LLM backends, served over HTTP and as an ACP agent."""
