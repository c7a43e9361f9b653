"""How messages reach the agent: one file per kind of channel."""
