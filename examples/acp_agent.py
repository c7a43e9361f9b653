"""An agent for editors that speak the Agent Client Protocol, with a configuration made in code instead of a file.

Register as its command in the editor:  OPENAI_API_KEY=sk-… python examples/acp_agent.py gpt-4o-mini
To try it without an editor: examples/acp_client.py shows what one sends.
"""

import os
import sys

from continuum import BackendConfigBuilder, Config, ConfigBuilder
from continuum.acp.descriptors import claim_stdio
from continuum.acp.server import main


def configuration() -> Config:
    """Made once the editor's first request is answered."""
    key = os.environ.get("OPENAI_API_KEY", "")
    backend = BackendConfigBuilder.openai(os.environ.get("OPENAI_BASE_URL"), key or None)
    builder = ConfigBuilder().add_backend(backend).set("acp.sessions.storage", "memory")
    builder.set("acp.tools.enabled", ["read", "search"])  # look, and touch nothing
    return builder.default_model(sys.argv[1]).build()


if __name__ == "__main__":
    in_fd, out_fd = claim_stdio()  # from here on nothing else writes to stdout
    sys.exit(main(in_fd=in_fd, out_fd=out_fd, load=configuration))
