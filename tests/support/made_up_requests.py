"""Requests made up from the served OpenAPI document, right and wrong ones, against the real process: no answer is an
error of the router's own, and each is as the document says.

`python tests/support/made_up_requests.py --examples 300`.
"""

import argparse
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from plain_client import PlainClient
from serving import Router, backend, config, running

HERE = Path(__file__).parent
TOKEN = "token-of-the-made-up-requests"
NEVER_ENDING = "/admin/events"

# Laid over what is configured: whatever a request does to the configuration, these hold.
HELD = (
    "admin.auth.method=bearer_token",
    f"admin.auth.token={TOKEN}",
    "admin.ip_whitelist=[]",
    "health_checks.enabled=false",
)


def send(
    home: Path, phases: Sequence[str], examples: int, seed: int
) -> tuple[subprocess.CompletedProcess[str], Router]:
    """Start a router in a folder of its own, have schemathesis at it, and see that it is alive. examples: for each
    operation and phase. Gives what schemathesis said, and the router, ended.
    """
    held = [part for each in HELD for part in ("--set", each)]
    settings = config(
        backend("http://127.0.0.1:9"), storage={"dir": str(home / "state")}, hot_reload={"enabled": False}
    )
    with running(home, settings, *held) as router:
        said = subprocess.run(
            [
                Path(sysconfig.get_path("scripts")) / "schemathesis",
                *("--config-file", HERE / "schemathesis.toml"),
                *("run", f"{router.url}/openapi.json"),
                *("--header", f"Authorization: Bearer {TOKEN}"),
                *("--phases", ",".join(phases)),
                *("--max-examples", str(examples)),
                *("--seed", str(seed)),
                *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),  # rules are stricter than schemas
                *("--exclude-path", NEVER_ENDING),
                *("--suppress-health-check", "all"),
                *("--generation-database", "none"),
                *("--request-timeout", "30"),
                *("--warnings", "off"),
                *("--no-color", "--continue-on-failure"),
            ],
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(HERE), "HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            assert PlainClient(router.url)("GET", "/health").status == 200
        except OSError as fault:
            raise AssertionError(f"the router has gone: {router.stderr[-4000:]}\n{said.stdout}") from fault
    return said, router


def main() -> int:
    """Run from a shell; the status is schemathesis', or 2 where the router said what it must not."""
    parser = argparse.ArgumentParser("tests/support/made_up_requests.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=100, metavar="N", help="for each operation (100)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), metavar="N", help="of everything random")  # noqa: S311 - no secret
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        said, router = send(Path(folder), ("examples", "coverage", "fuzzing"), options.examples, options.seed)
    print(said.stdout, said.stderr, sep="\n")  # noqa: T201 - what the run is for
    if "Traceback" in router.stderr:
        print(router.stderr)  # noqa: T201 - as above
        return 2
    return said.returncode


if __name__ == "__main__":
    sys.exit(main())
