"""What a failed connection means, in words: shared by the check types that open one."""

from __future__ import annotations

import errno
import os
import socket
import ssl

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError

# Faults of the machine that probes: they say nothing about the target.
_OWN_FAULTS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
_WORDS = {
    errno.ECONNREFUSED: "connection refused by {place}",
    errno.ECONNRESET: "connection reset by {place}",
    errno.EPIPE: "connection closed by {place}",
    errno.EHOSTUNREACH: "no route to {place}",
    errno.ENETUNREACH: "no network leads to {place}",
    errno.ETIMEDOUT: "{place} did not answer",
}


def place_of(host: str, port: int | None) -> str:
    """The target as people write it: "db:5432", "[::1]:80"."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def explain(error: OSError, host: str, port: int | None) -> str:
    """One line for a connection that failed. Raises ProbeError when this machine itself was at fault."""
    place = place_of(host, port)
    if isinstance(error, socket.gaierror):
        return f"the name {host} does not resolve ({error.strerror or error})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {place} is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS with {place} failed: {error.reason or error}"
    if error.errno in _OWN_FAULTS:
        raise ProbeError(f"this machine could not connect to {place}: {os.strerror(error.errno)}") from error
    words = _WORDS.get(error.errno or 0)
    if words:
        return words.format(place=place)
    return f"connecting to {place} failed: {error.strerror or error or type(error).__name__}"


def down(error: OSError, host: str, port: int | None) -> Outcome:
    """Unhealthy, because a connection failed; raises ProbeError when this machine itself was at fault."""
    return Outcome(Status.UNHEALTHY, explain(error, host, port))
