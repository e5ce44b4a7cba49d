"""Measuring a storm: all checks of one service begin to fail within a second; who is told, and when."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

from sqlalchemy import text

from healthmgr.bootstrap import Healthmgr
from scripts.bench.site import Site, running

# Shorter than the 5 min that an incident waits between two pieces of news, so that the measurement ends.
GROUP_INTERVAL = 15.0  # seconds
_WITHIN = 180.0  # seconds
_SETTLED_AFTER = 5.0  # seconds

_ALL_DUE = text("UPDATE check_schedules SET next_due_at = clock_timestamp(), cause = 'request' WHERE is_active")
_HEALTHY = text("""
SELECT count(*) FROM check_states st JOIN checks c ON c.id = st.check_id
WHERE c.service = 'storm' AND c.is_enabled AND st.status = 'healthy'
""")
_FAILED = text("""
SELECT count(*) FROM check_states st JOIN checks c ON c.id = st.check_id
WHERE c.service = 'storm' AND c.is_enabled AND st.status = 'unhealthy'
""")
_LISTED = text("""
SELECT count(*) FROM alerts a JOIN checks c ON c.id = a.check_id
WHERE c.service = 'storm' AND a.resolved_at IS NULL AND a.incident_id IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Stormed:
    """How many messages about problems a person got, and the seconds from the first failure on.

    `all_failed`: every failure was found; `first_page`: the first message arrived; `all_listed`: the incident listed
    every alert.
    """

    pages: int
    all_failed: float
    first_page: float
    all_listed: float


@dataclass(slots=True)
class Receiver:
    """A webhook's receiver; `pages` are the moments, by the monotonic clock, at which problems arrived."""

    port: int = 0
    pages: list[float] = field(default_factory=list)


def storm(
    site: Site,
    healthmgr: Healthmgr,
    apply: Callable[[Mapping[str, Any]], None],
    commands: Sequence[Sequence[str]],
    checks: int,
) -> Stormed:
    """Break what so many checks look at, and have all of them look at once."""

    def count(query: Any) -> int:
        with healthmgr.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    with receiving() as receiver:
        apply(_definitions(site, receiver.port, checks))
        with running(site, commands) as processes:
            _wait(lambda: count(_HEALTHY) == checks)
            _tell(site, "break")
            started = time.monotonic()
            with healthmgr.engine.begin() as connection:
                connection.execute(_ALL_DUE)
            failed = _wait(lambda: count(_FAILED) == checks) - started
            listed = _wait(lambda: count(_LISTED) == checks) - started
            _wait(lambda: time.monotonic() > started + listed + _SETTLED_AFTER)
            _tell(site, "mend")
            processes.seconds()  # which sees that none has died
    return Stormed(len(receiver.pages), failed, receiver.pages[0] - started, listed)


def _wait(is_so: Callable[[], bool]) -> float:
    """The moment at which it was seen to be so."""
    ends_at = time.monotonic() + _WITHIN
    while not is_so():
        if time.monotonic() > ends_at:
            raise RuntimeError(f"the storm did not get on within {_WITHIN:.0f} s: see what beat and the workers said")
        time.sleep(0.1)
    return time.monotonic()


def _tell(site: Site, what: str) -> None:
    with urlopen(f"http://127.0.0.1:{site.target_port}/{what}", timeout=10) as answer:
        answer.read()


def _definitions(site: Site, hook_port: int, checks: int) -> dict[str, Any]:
    hook = {"url": f"http://127.0.0.1:{hook_port}/", "secret": "whsec_" + "a" * 32}
    return {
        "version": 1,
        "channels": {"hook": {"kind": "webhook", "config": hook}},
        "recipients": {"ops": {"contacts": {"hook": ""}}},
        "routing": {"default": {"to": ["ops"], "via": ["hook"], "group_interval": f"{GROUP_INTERVAL:g}s"}},
        "checks": {
            f"storm-{n}": {
                "kind": "http",
                "config": {"url": f"http://127.0.0.1:{site.target_port}/storm/{n}"},
                "service": "storm",
                "severity": "critical",
                "interval": "60s",
                "timeout": "10s",
                "max_attempts": 1,
            }
            for n in range(checks)
        },
    }


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver of webhooks on a free port."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if body["type"] == "incident.problem":
                receiver.pages.append(time.monotonic())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing: the bench prints its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
