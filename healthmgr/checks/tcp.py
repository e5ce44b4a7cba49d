"""TCP: a connection opens; if asked, something is said and the right thing heard."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import timedelta
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from healthmgr.checks.network import down, place_of
from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.ports import ProbeContext

_MOST_HEARD = 65_536
_PART_FOR_LISTENING = 0.9  # of the timeout, so that what was heard instead can still be told


class TcpConfig(BaseModel):
    """Where to connect, what to say and what to hear."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1, description="Name or address to connect to")
    port: int = Field(ge=1, le=65535, description="Port to connect to")
    send: str | None = Field(None, description="Text to send once connected")
    expect: str | None = Field(None, min_length=1, description="Text that must be heard, within the first 64 KiB")


class TcpCheck:
    """Connects to a port."""

    kind: ClassVar[str] = "tcp"
    Config: ClassVar[type[BaseModel]] = TcpConfig
    uses_network: ClassVar[bool] = True

    async def probe(self, config: TcpConfig, context: ProbeContext) -> Outcome:
        """Open one connection and hold the conversation asked for; a refused connection is unhealthy."""
        started = time.perf_counter()
        try:
            reader, writer = await asyncio.open_connection(config.host, config.port)
        except OSError as error:
            return down(error, config.host, config.port)
        metrics = {"connect_time": time.perf_counter() - started}
        try:
            return await _converse(config, context.timeout, reader, writer, metrics)
        except OSError as error:
            return down(error, config.host, config.port)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _converse(
    config: TcpConfig,
    timeout: timedelta,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    metrics: dict[str, float],
) -> Outcome:
    place = place_of(config.host, config.port)
    if config.send is not None:
        writer.write(config.send.encode())
        await writer.drain()
    if config.expect is None:
        return Outcome(Status.HEALTHY, f"{place} accepts connections", metrics=metrics)
    heard = await _listen(reader, config.expect.encode(), timeout)
    if config.expect.encode() in heard:
        return Outcome(Status.HEALTHY, f"{place} said {config.expect!r}", metrics=metrics)
    said = heard[:200].decode("utf-8", "replace")
    return Outcome(Status.UNHEALTHY, f"{place} said {said!r}, expected {config.expect!r}", metrics=metrics)


async def _listen(reader: asyncio.StreamReader, wanted: bytes, timeout: timedelta) -> bytes:
    heard = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout.total_seconds() * _PART_FOR_LISTENING):
            while wanted not in heard and len(heard) < _MOST_HEARD and (piece := await reader.read(4096)):
                heard += piece
    return heard
