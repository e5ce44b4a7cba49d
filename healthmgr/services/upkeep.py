"""Keeping the system itself in order: the sweep, the day partitions of results, the auditor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import structlog

from healthmgr.domain import synthetic
from healthmgr.domain.dispatch import HORIZON, Due

log = structlog.get_logger(__name__)

SWEEP_LIMIT = 500
DAYS_AHEAD = 7
OVERDUE_AFTER = timedelta(seconds=60)


class SweepStore(Protocol):
    """Delayed work that nobody has been reminded of."""

    def arm(self, now: datetime, horizon: datetime, limit: int) -> list[Due]:
        """Take what is due before the horizon and has no reminder under way, and mark it as reminded."""
        ...

    def close_lapsed(self, now: datetime, limit: int) -> int:
        """Close alerts that whoever brought them has not renewed in time; how many there were."""
        ...


class PartitionStore(Protocol):
    """The day tables of results."""

    def days(self) -> list[date]:
        """The days that have a table."""
        ...

    def create(self, day: date) -> None:
        """Make a day's table, and move into it what the catch-all table holds of that day."""
        ...

    def drop(self, day: date) -> None:
        """Drop a day's table."""
        ...


class AuditStore(Protocol):
    """What the auditor looks at."""

    def overdue(self, before: datetime) -> dict[str, int]:
        """How many rows of each kind of work should have been carried out before this instant."""
        ...

    def pulse(self, kind: str, name: str, detail: dict[str, Any], now: datetime) -> None:
        """Write a sign of life."""
        ...

    def queue_consumed(self, queue: str, worker: str, now: datetime) -> None:
        """Note that something came out of a queue."""
        ...

    def queue_depths(self, depths: Mapping[str, int], now: datetime) -> Mapping[str, datetime]:
        """Note how many messages wait in each queue; a queue not heard of yet counts as consumed now.

        Returns when something last came out of each.
        """
        ...

    def worker_elsewhere(self, queue: str, host: str, since: datetime) -> str | None:
        """Any worker of this queue on another host that has been heard of since."""
        ...

    def trials(self) -> synthetic.Trials | None:
        """How the synthetic notification fares; None while it is switched off."""
        ...

    def stale(self, kind: str, before: datetime) -> list[str]:
        """Names of this kind whose last sign of life is older than this instant."""
        ...


class Upkeep:
    """The periodic work of healthmgr on itself."""

    def __init__(self, sweeping: SweepStore, partitions: PartitionStore, auditing: AuditStore) -> None:
        self._sweeping = sweeping
        self._partitions = partitions
        self._auditing = auditing

    def sweep(self, now: datetime) -> list[Due]:
        """Reminders to send: for what came within the horizon, and for what was lost on the way.

        Alerts whose source has fallen silent are closed before, so that their end is among it.
        """
        lapsed = self._sweeping.close_lapsed(now, SWEEP_LIMIT)
        if lapsed:
            log.info("alerts_lapsed", count=lapsed)
        return self._sweeping.arm(now, now + HORIZON, SWEEP_LIMIT)

    def keep_partitions(self, now: datetime, retention: timedelta) -> tuple[list[date], list[date]]:
        """Make the day tables of the coming week, drop those older than the retention; the days of both."""
        today = now.astimezone(UTC).date()
        present = set(self._partitions.days())
        wanted = [today + timedelta(days=offset) for offset in range(-1, DAYS_AHEAD + 1)]
        created = [day for day in wanted if day not in present]
        for day in created:
            self._partitions.create(day)
        expired = sorted(day for day in present if day < (now - retention).astimezone(UTC).date())
        for day in expired:
            self._partitions.drop(day)
        if created or expired:
            log.info("partitions_kept", created=[str(d) for d in created], dropped=[str(d) for d in expired])
        return created, expired

    def audit(self, now: datetime) -> Sequence[str]:
        """Look for work that should have been done and was not; the findings, none when all is well."""
        overdue = self._auditing.overdue(now - OVERDUE_AFTER)
        findings = [f"{count} {kind} overdue by more than a minute" for kind, count in overdue.items() if count]
        findings += [
            f"nothing has consumed queue {name} for more than a minute"
            for name in self._auditing.stale("queue", now - OVERDUE_AFTER)
        ]
        findings += synthetic.findings(self._auditing.trials(), now)
        self._auditing.pulse("auditor", "auditor", {"findings": findings}, now)
        if findings:
            log.error("audit_findings", findings=findings)
        return findings

    def pulse(self, kind: str, name: str, detail: dict[str, Any], now: datetime) -> None:
        """Write a sign of life of a beat, the sweep, a worker or a queue."""
        self._auditing.pulse(kind, name, detail, now)

    def queue_consumed(self, queue: str, worker: str, now: datetime) -> None:
        """Note that this worker took a pulse out of this queue."""
        self._auditing.queue_consumed(queue, worker, now)

    def queue_depths(self, depths: Mapping[str, int], now: datetime) -> Mapping[str, datetime]:
        """Note how many messages wait in each queue; when something last came out of each."""
        return self._auditing.queue_depths(depths, now)

    def worker_elsewhere(self, queue: str, host: str, since: datetime) -> str | None:
        """A worker of this queue on another host than this, heard of since; None when there is none."""
        return self._auditing.worker_elsewhere(queue, host, since)
