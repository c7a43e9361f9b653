"""Why there is no connection: what the system, the resolver and TLS say, as one of a few causes and in our words."""

from __future__ import annotations

import errno
import socket
import ssl
from enum import StrEnum
from typing import Final

from continuum.errors import ConnectFailed

__all__ = ["Cause", "cause_of", "connect_failed"]


class Cause(StrEnum):
    """What keeps a connection from being made."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNKNOWN_NAME = "unknown_name"
    NO_SOCKET = "no_socket"
    NOT_PERMITTED = "not_permitted"
    FORBIDDEN = "forbidden"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    OTHER_NAME = "other_name"
    NO_TLS = "no_tls"
    TLS = "tls"
    OTHER = "other"


_SAID: Final = {
    Cause.REFUSED: "no connection to the backend: refused",
    Cause.UNREACHABLE: "no connection to the backend: it cannot be reached",
    Cause.UNKNOWN_NAME: "the backend's host name is not known",
    Cause.NO_SOCKET: "no connection to the backend: its socket is not there",
    Cause.NOT_PERMITTED: "no connection to the backend: not permitted",
    Cause.FORBIDDEN: "the backend's address is link-local or a metadata service",
    Cause.UNTRUSTED: "no secure connection to the backend: nobody trusted vouches for its certificate",
    Cause.EXPIRED: "no secure connection to the backend: its certificate is out of date",
    Cause.OTHER_NAME: "no secure connection to the backend: its certificate is for another name",
    Cause.NO_TLS: "no secure connection to the backend: it does not speak TLS",
    Cause.TLS: "no secure connection to the backend",
    Cause.OTHER: "no connection to the backend",
}
_BY_ERRNO: Final = {
    errno.ECONNREFUSED: Cause.REFUSED,
    errno.ENETUNREACH: Cause.UNREACHABLE,
    errno.EHOSTUNREACH: Cause.UNREACHABLE,
    errno.ENETDOWN: Cause.UNREACHABLE,
    errno.EHOSTDOWN: Cause.UNREACHABLE,
    errno.ENOENT: Cause.NO_SOCKET,
    errno.EACCES: Cause.NOT_PERMITTED,
    errno.EPERM: Cause.NOT_PERMITTED,
}
_BY_VERIFY_CODE: Final = {  # X509_V_ERR_*, as openssl's x509_vfy.h numbers them
    9: Cause.EXPIRED,  # not valid yet
    10: Cause.EXPIRED,
    18: Cause.UNTRUSTED,  # self-signed
    19: Cause.UNTRUSTED,  # self-signed, further up
    20: Cause.UNTRUSTED,  # its issuer is not here
    21: Cause.UNTRUSTED,
    62: Cause.OTHER_NAME,
    64: Cause.OTHER_NAME,  # an address
}
_PLAIN_ANSWERS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)
"""openssl's reasons when what comes is no TLS at all."""


def connect_failed(fault: Exception | Cause) -> ConnectFailed:
    """The error to raise. fault: what the attempt raised, or the cause itself."""
    cause = fault if isinstance(fault, Cause) else cause_of(fault)
    return ConnectFailed(_SAID[cause], cause=cause)


def cause_of(fault: BaseException) -> Cause:
    """What an attempt that raised this failed of."""
    match fault:
        case socket.gaierror() | UnicodeError():
            return Cause.UNKNOWN_NAME
        case ssl.SSLCertVerificationError():
            return _BY_VERIFY_CODE.get(fault.verify_code, Cause.TLS)
        case ssl.SSLError():
            reason = getattr(fault, "reason", None)  # only openssl's own have one
            return Cause.NO_TLS if reason in _PLAIN_ANSWERS else Cause.TLS
        case OSError():
            return _BY_ERRNO.get(fault.errno or 0, Cause.OTHER)
        case _:
            return Cause.OTHER
