"""The channel of last resort: configured by the environment alone, for when PostgreSQL cannot be reached."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime

import requests
import structlog

log = structlog.get_logger(__name__)

# A restart of PostgreSQL is no emergency; neither is one message every few seconds a help (seconds).
TOLD_AFTER = 15.0
TOLD_AGAIN_AFTER = 900.0
TIMEOUT = 5.0


class Emergency:
    """Tells an address when a beat has not been able to work for a while, and when it can again."""

    def __init__(self, url: str, tick: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._tick = tick
        self._failing_since: float | None = None
        self._told_at: float | None = None

    def failed(self, error: str) -> None:
        """A turn of beat failed."""
        now = self._tick()
        if self._failing_since is None:
            self._failing_since = now
        is_long = now - self._failing_since >= TOLD_AFTER
        is_new = self._told_at is None or now - self._told_at >= TOLD_AGAIN_AFTER
        if is_long and is_new and self._tell("healthmgr.emergency", f"healthmgr cannot work: {error}"):
            self._told_at = now

    def succeeded(self) -> None:
        """A turn of beat went well."""
        if self._told_at is None or self._tell("healthmgr.emergency_over", "healthmgr works again"):
            self._failing_since = self._told_at = None

    def alarm(self, text: str) -> bool:
        """Tell what a beat can work in spite of and a person has to mend; whether it was taken."""
        return self._tell("healthmgr.alarm", f"healthmgr needs a person: {text}")

    def alarm_over(self) -> bool:
        """Tell that nothing is wrong any more; whether it was taken."""
        return self._tell("healthmgr.alarm_over", "healthmgr finds nothing overdue any more")

    @property
    def is_set_up(self) -> bool:
        """Whether there is an address."""
        return bool(self._url)

    def _tell(self, kind: str, text: str) -> bool:
        if not self._url:
            return False
        body = {
            "type": kind,
            "timestamp": datetime.now(UTC).isoformat(),
            "text": text,
            "data": {"version": 1, "host": socket.gethostname()},
        }
        try:
            requests.post(self._url, json=body, timeout=TIMEOUT).raise_for_status()
        except requests.RequestException as error:
            log.error("emergency_not_told", error=type(error).__name__)
            return False
        return True
