"""Connections that become TLS: the contexts, kept because making one costs a disk's worth of authorities."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from healthmgr.checks.certificates import Certificate, read_certificate
from healthmgr.errors import ProbeError

_TIME_FOR_FAREWELL = 0.5  # seconds
_MOST_CONTEXTS = 64

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TlsContexts:
    """TLS contexts by the authorities that they trust."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, int] | None, ssl.SSLContext] = {}

    def trusting(self, ca_file: str | None) -> ssl.SSLContext:
        """Trusts the authorities in `ca_file`, else the system's. Raises ProbeError for a file that can't be used."""
        key = None if ca_file is None else (ca_file, _changed_at(ca_file))
        if key not in self._made:
            if len(self._made) >= _MOST_CONTEXTS:
                self._made.clear()
            self._made[key] = _trusting(ca_file)
        return self._made[key]


def trusting_anyone() -> ssl.SSLContext:
    """Accepts whatever a server shows, so that it can be looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def certificate_of(writer: asyncio.StreamWriter) -> Certificate:
    """What the server showed. Raises ValueError when that can't be read."""
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return read_certificate(der or b"")


@contextlib.asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[Streams]:
    """A plain connection, closed with good manners after good talk and at once after any other."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    except BaseException:
        _abort(writer)
        raise
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_TIME_FOR_FAREWELL):
            await writer.wait_closed()
    _abort(writer)


def _abort(writer: asyncio.StreamWriter) -> None:
    # Before Python 3.11.5 a TLS transport that is gone already has nothing left to abort, and trips over that.
    with contextlib.suppress(AttributeError):
        writer.transport.abort()


def _changed_at(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError as error:
        raise ProbeError(f"ca_file {path} cannot be read on this worker: {error.strerror}") from error


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ProbeError(f"ca_file {ca_file} holds no certificates in PEM form") from error
    except OSError as error:
        raise ProbeError(f"ca_file {ca_file} cannot be read on this worker: {error.strerror}") from error
