"""A throw-away certificate for loopback names, made anew for each test run: no key lies in the repository."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import trustme


@cache
def certificate() -> dict[str, str]:
    """What `server.tls` takes."""
    folder = _folder()
    return {"cert_file": str(folder / "cert.pem"), "key_file": str(folder / "key.pem")}


def authority() -> str:
    """The file to trust it by."""
    return str(_folder() / "ca.pem")


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="continuum-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    issuer = trustme.CA()
    issued = issuer.issue_cert("127.0.0.1", "localhost")
    issuer.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(folder / "cert.pem"), append=number > 0)
    return folder
