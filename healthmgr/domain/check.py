"""What to watch: statuses, severities and the rules of one check."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from healthmgr.domain.threshold import Thresholds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    """What a result says, and what a state believes."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"

    @property
    def is_bad(self) -> bool:
        """Anything but healthy: "could not tell" is not good news either."""
        return self is not Status.HEALTHY

    @property
    def badness(self) -> int:
        """From 0, healthy, to 3, unhealthy; "could not tell" is worse than degraded and better than down."""
        return _FROM_GOOD_TO_BAD.index(self)


_FROM_GOOD_TO_BAD = (Status.HEALTHY, Status.DEGRADED, Status.UNKNOWN, Status.UNHEALTHY)


class Severity(StrEnum):
    """How much an alert matters, most first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for critical to 3 for low: smaller is more urgent."""
        return list(Severity).index(self)

    @property
    def milder(self) -> Severity:
        """The next severity down; low stays low."""
        return list(Severity)[min(self.rank + 1, 3)]


@dataclass(frozen=True, slots=True)
class Check:
    """A check as evaluation and routing see it. Lengths are timedeltas."""

    id: UUID
    slug: str
    name: str
    kind: str
    interval: timedelta
    timeout: timedelta
    retry_interval: timedelta
    severity: Severity
    degraded_severity: Severity
    max_attempts: int = 3
    success_threshold: int = 1
    detects_flapping: bool = True
    description: str = ""
    service: str = ""
    category: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Thresholds = field(default_factory=Thresholds)
    runbook_url: str = ""
    is_enabled: bool = True
    is_paused: bool = False

    def severity_of(self, status: Status) -> Severity:
        """The severity of an alert for this status: only unhealthy is worth the check's full severity."""
        return self.severity if status is Status.UNHEALTHY else self.degraded_severity


def stable_phase(slug: str, interval: timedelta) -> timedelta:
    """The check's place within its interval, in whole milliseconds.

    The same for ever and everywhere, so neither a restart nor a second beat makes a herd
    (Prometheus and Sensu spread their scrapes in the same way).
    """
    digest = hashlib.blake2b(slug.encode(), digest_size=8).digest()
    return timedelta(milliseconds=int.from_bytes(digest, "big") % max(1, interval // timedelta(milliseconds=1)))


def next_slot(now: datetime, interval: timedelta, phase: timedelta) -> datetime:
    """The smallest slot after `now`, in UTC: slots are `phase + k * interval` since the Unix epoch."""
    # An epoch in `now`'s own zone would subtract wall clocks, and summer time would move the slots.
    return _EPOCH + phase + ((now - _EPOCH - phase) // interval + 1) * interval
