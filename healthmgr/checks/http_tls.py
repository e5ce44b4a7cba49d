"""TLS as an HTTP check wants it: contexts made once, and the moment at which a handshake begins."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from healthmgr.errors import ProbeError

_KEPT_FOR = 60.0  # seconds; certificates in files are renewed under a running worker
_MOST_KEPT = 256
_SECONDS_PER_DAY = 86_400.0
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How a connection is to be secured; files are paths on the host that probes."""

    verify: bool = True
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    minimum: str | None = None


@dataclass(slots=True)
class Handshake:
    """The latest handshake of one probe: when it began (`time.perf_counter`), and the session it made."""

    began_at: float | None = None
    session: ssl.SSLObject | None = None


# Set by the probe, read where asyncio starts the handshake: on the same task, or on one that it started.
handshake: ContextVar[Handshake | None] = ContextVar("handshake", default=None)


class _ObservedContext(ssl.SSLContext):
    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """As its parent does; asyncio calls it when the connection stands and the handshake is about to begin."""
        session = super().wrap_bio(*args, **kwargs)
        observed = handshake.get()
        if observed is not None:
            observed.began_at, observed.session = time.perf_counter(), session
        return session


class Contexts:
    """The contexts in use. Making one reads the authorities' certificates, some 10 ms: it is done in a thread."""

    def __init__(self) -> None:
        self._kept: dict[TlsOptions, tuple[ssl.SSLContext, float]] = {}

    async def get(self, options: TlsOptions) -> ssl.SSLContext:
        """The context for these options; raises ProbeError naming a file that cannot be used."""
        kept = self._kept.get(options)
        if kept is not None and time.monotonic() < kept[1]:
            return kept[0]
        context = await asyncio.to_thread(_make, options)
        while len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[options] = (context, time.monotonic() + _KEPT_FOR)
        return context


def days_left(session: ssl.SSLObject | None, now: datetime) -> float | None:
    """Days until the server's certificate expires; None where there is none, or none that was verified."""
    certificate = session.getpeercert() if session is not None else None
    if not certificate:
        return None
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - now.timestamp()) / _SECONDS_PER_DAY


def _make(options: TlsOptions) -> ssl.SSLContext:
    context = _ObservedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.minimum is not None:
        context.minimum_version = _VERSIONS[options.minimum]
    _load(context, options)
    return context


def _load(context: ssl.SSLContext, options: TlsOptions) -> None:
    name = options.ca_file
    try:
        if options.ca_file is not None:
            context.load_verify_locations(options.ca_file)
        elif options.verify:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if options.certificate is not None:
            name = " with ".join(filter(None, (options.certificate, options.key)))
            context.load_cert_chain(options.certificate, options.key, password=_no_password)
    except ssl.SSLError as error:
        raise ProbeError(
            f"{name} cannot be used for TLS: {error.reason or 'it holds no certificate or key'}"
        ) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ProbeError(f"{name} cannot be used for TLS by this worker: {why}") from error


def _no_password() -> str:
    """In the place of a question at the terminal, which would never be answered."""
    raise ValueError("its key is encrypted: give one that is not")
