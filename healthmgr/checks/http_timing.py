"""The client of HTTP checks, and the phases of one exchange from its own events."""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError

from healthmgr.checks.http_tls import Handshake

_MOST_PROVISIONAL = 100  # answers such as 100 Continue or 103 Early Hints
_FIRST_FINAL = 200


@dataclass(slots=True)
class Timeline:
    """What happened so far, by `time.perf_counter`. Over redirects, the phases of all connections add up."""

    began_at: float = field(default_factory=time.perf_counter)
    looking_up_since: float | None = None
    connecting_since: float | None = None
    connected_at: float | None = None
    answered_at: float | None = None
    received: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    handshake: Handshake = field(default_factory=Handshake)

    def add(self, phase: str, seconds: float) -> None:
        """Count `seconds` towards a phase."""
        self.phases[phase] = self.phases.get(phase, 0.0) + max(0.0, seconds)

    def rounded(self) -> dict[str, float]:
        """The phases to the microsecond: more digits would be noise, and are stored with every result."""
        return {phase: round(seconds, 6) for phase, seconds in self.phases.items()}

    def answered(self) -> None:
        """The beginning of the last answer has come."""
        self.answered_at = time.perf_counter()
        if self.connected_at is not None:
            self.add("first_byte_time", self.answered_at - self.connected_at)

    def stage(self, place: str) -> str:
        """Where it stands, in words, for a probe that ran out of time."""
        if self.answered_at is not None:
            return f"{place} began to answer, {self.received} bytes of the body came"
        if self.connected_at is not None:
            return f"{place} took the request and did not answer"
        if self.handshake.began_at is not None:
            return f"{place} did not complete the TLS handshake"
        if self.looking_up_since is not None:
            return f"the name of {place} was not looked up"
        if self.connecting_since is not None:
            return f"{place} did not accept the connection"
        return f"{place} did not answer"


async def _dns_starts(_session: Any, timeline: Any, _facts: Any) -> None:
    timeline.looking_up_since = time.perf_counter()


async def _dns_ends(_session: Any, timeline: Any, _facts: Any) -> None:
    if timeline.looking_up_since is not None:
        seconds = time.perf_counter() - timeline.looking_up_since
        timeline.add("dns_time", seconds)
        if timeline.connecting_since is not None:
            timeline.connecting_since += seconds
    timeline.looking_up_since = None


async def _connection_starts(_session: Any, timeline: Any, _facts: Any) -> None:
    timeline.connecting_since, timeline.connected_at = time.perf_counter(), None
    timeline.handshake.began_at = timeline.handshake.session = None


async def _connection_ends(_session: Any, timeline: Any, _facts: Any) -> None:
    now = timeline.connected_at = time.perf_counter()
    secured_since = timeline.handshake.began_at
    if timeline.connecting_since is not None:
        timeline.add("connect_time", (secured_since or now) - timeline.connecting_since)
    if secured_since is not None:
        timeline.add("tls_time", now - secured_since)


def _trace() -> aiohttp.TraceConfig:
    # The context of a trace is the timeline itself, which the request brings along.
    trace = aiohttp.TraceConfig(trace_config_ctx_factory=_timeline_of)  # type: ignore[arg-type]
    trace.on_dns_resolvehost_start.append(_dns_starts)
    trace.on_dns_resolvehost_end.append(_dns_ends)
    trace.on_connection_create_start.append(_connection_starts)
    trace.on_connection_create_end.append(_connection_ends)
    return trace


def _timeline_of(trace_request_ctx: Timeline) -> Timeline:
    return trace_request_ctx


class Sessions:
    """For each client that a worker shares, ours over the same connections: one that reports its events, one not."""

    def __init__(self) -> None:
        self._made: weakref.WeakKeyDictionary[
            aiohttp.ClientSession, tuple[aiohttp.ClientSession, aiohttp.ClientSession]
        ] = weakref.WeakKeyDictionary()

    def over(self, shared: aiohttp.ClientSession, *, is_reporting: bool) -> aiohttp.ClientSession:
        """The client; it closes with the shared one, whose connections it uses."""
        made = self._made.get(shared)
        if made is None:
            plain, reporting = (
                client(shared.connector, shared.headers, is_owner=False, is_reporting=reports)
                for reports in (False, True)
            )
            made = self._made[shared] = (plain, reporting)
        return made[is_reporting]


class _Answer(aiohttp.ClientResponse):
    """Gives up on a server that goes on announcing an answer: each read may bring ten thousand announcements.

    The client itself looks at the time only when it has to wait, and every other probe of the worker waits for it.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol, left = connection.protocol, _MOST_PROVISIONAL
        if protocol is None:
            return await super().start(connection)
        read = protocol.read

        async def read_patiently() -> Any:
            nonlocal left
            found = await read()
            if found[0].code < _FIRST_FINAL:
                left -= 1
                if left < 0:
                    raise HttpProcessingError(message=f"more than {_MOST_PROVISIONAL} provisional answers")
            return found

        # Each connection serves one request: what reads it now never reads for another.
        setattr(protocol, "read", read_patiently)  # noqa: B010 - a method, to the type checker
        return await super().start(connection)


def client(
    connector: aiohttp.BaseConnector | None, headers: Any, *, is_owner: bool = True, is_reporting: bool = True
) -> aiohttp.ClientSession:
    """A client that leaves bodies as they come; a reporting one fills in the Timeline that a request brings."""
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=is_owner,
        response_class=_Answer,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        headers=headers,
        trace_configs=[_trace()] if is_reporting else None,
    )
