"""TLS contexts: one for all backends that ask for nothing special, since making one costs 20 ms and 0.5 MB."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from continuum.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from continuum.config.sections.backends import BackendTls

__all__ = ["Contexts"]


class Contexts:
    """Makes each context once. Raises ConfigError when a file it needs cannot be used."""

    def __init__(self) -> None:
        self._made: dict[str, ssl.SSLContext] = {}
        self.unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        """For connections without TLS. It was told of nobody to trust: used all the same, it would refuse everybody."""

    def of(self, number: int, section: BackendTls | None) -> ssl.SSLContext:
        """The context for the backend of that number; backends with equal settings share it."""
        key = "" if section is None else section.model_dump_json()
        if key not in self._made:
            self._made[key] = self.fresh(number, section)
        return self._made[key]

    @staticmethod
    def fresh(number: int, section: BackendTls | None) -> ssl.SSLContext:
        """A context of one's own, for those who change it."""
        if section is None:
            return ssl.create_default_context()
        try:
            return _made(section)
        except OSError as fault:  # ssl.SSLError is one
            reason = fault.strerror or "not a usable PEM file"
            raise ConfigError([ConfigProblem(f"cannot be used: {reason}", f"backends.{number}.tls")]) from None


def _made(section: BackendTls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=section.ca_file)
    if not section.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if section.cert_file is not None:
        context.load_cert_chain(section.cert_file, section.key_file)
    return context
