"""Keeping the system itself in order: the sweep, the day partitions of results, the auditor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import structlog

from healthmgr.domain import synthetic
from healthmgr.domain.audit import ALARMED_AGAIN_AFTER, Audited, alarm_text, found_since
from healthmgr.domain.dispatch import HORIZON, Due

log = structlog.get_logger(__name__)

SWEEP_LIMIT = 500
DAYS_AHEAD = 7
OVERDUE_AFTER = timedelta(seconds=60)
LOST_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Lost:
    """What had no row to wait in: open alerts that nobody was to be told of, incidents that nothing was due for."""

    alerts: int = 0
    incidents: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the emergency channel has to tell; `text` is "" when all is well again."""

    text: str

    @property
    def is_over(self) -> bool:
        """Whether it tells of an end."""
        return not self.text


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

    def note_minute(self, is_content: bool, now: datetime) -> None:
        """Note for the minute of this instant that the auditor looked, and whether it found nothing."""
        ...

    def note_life(self, now: datetime) -> None:
        """Note for the minute of this instant that a beat lived, whether the auditor looked or not."""
        ...

    def trials(self) -> synthetic.Trials | None:
        """How the synthetic notification fares; None while it is switched off."""
        ...

    def stale(self, kind: str, before: datetime) -> list[str]:
        """Names of this kind whose last sign of life is older than this instant."""
        ...

    def newest(self, kind: str) -> datetime | None:
        """The last sign of life of any of this kind; None where there never was one."""
        ...

    def begin_anew(self, before: datetime, now: datetime, limit: int) -> Lost:
        """Begin anew what was lost of what is older than `before`; how much there was."""
        ...

    def audited(self) -> Audited | None:
        """The auditor's last look."""
        ...

    def claim_alarm(self, text: str, now: datetime, again_before: datetime) -> bool:
        """Take it upon us to tell this; False when another does, or it was told since `again_before`."""
        ...

    def put_back_alarm(self, text: str) -> None:
        """What was told last is this, so that the alarm is claimed again."""
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
        """Look for work that should have been done and was not; the findings, none when all is well.

        What has no row to wait in any more is begun anew: it is a finding once, and repaired.
        """
        overdue = self._auditing.overdue(now - OVERDUE_AFTER)
        findings = [f"{count} {kind} overdue by more than a minute" for kind, count in overdue.items() if count]
        findings += [
            f"nothing has consumed queue {name} for more than a minute"
            for name in self._auditing.stale("queue", now - OVERDUE_AFTER)
        ]
        findings += synthetic.findings(self._auditing.trials(), now)
        findings += self._silent_beats(now)
        findings += _words(self._auditing.begin_anew(now - LOST_AFTER, now, SWEEP_LIMIT))
        since = found_since(self._auditing.audited(), findings, now)
        detail = {"findings": findings, "since": since.isoformat() if since else None}
        self._auditing.pulse("auditor", "auditor", detail, now)
        self._auditing.note_minute(not findings, now)
        if findings:
            log.error("audit_findings", findings=findings)
        return findings

    def alarm(self, now: datetime) -> Alarm | None:
        """What the emergency channel has to tell now: findings that last, an auditor that is silent, the end of both.

        Of all the beats that ask, one gets it; whoever cannot tell it says so by `alarm_not_told`.
        """
        text = alarm_text(self._auditing.audited(), now) or ""
        is_ours = self._auditing.claim_alarm(text, now, now - ALARMED_AGAIN_AFTER)
        return Alarm(text) if is_ours else None

    def alarm_not_told(self, alarm: Alarm) -> None:
        """The emergency channel did not take it: it is tried again."""
        self._auditing.put_back_alarm("an alarm" if alarm.is_over else "")

    def _silent_beats(self, now: datetime) -> list[str]:
        newest = self._auditing.newest("beat")
        is_silent = newest is not None and newest < now - OVERDUE_AFTER
        return ["no beat has shown a sign of life for more than a minute"] if is_silent else []

    def pulse(self, kind: str, name: str, detail: dict[str, Any], now: datetime) -> None:
        """Write a sign of life of a beat, the sweep, a worker or a queue."""
        self._auditing.pulse(kind, name, detail, now)

    def lives(self, now: datetime) -> None:
        """Say that this beat lives: a minute in which none does is one in which healthmgr was not running."""
        self._auditing.note_life(now)

    def queue_consumed(self, queue: str, worker: str, now: datetime) -> None:
        """Note that this worker took a pulse out of this queue."""
        self._auditing.queue_consumed(queue, worker, now)

    def queue_depths(self, depths: Mapping[str, int], now: datetime) -> Mapping[str, datetime]:
        """Note how many messages wait in each queue; when something last came out of each."""
        return self._auditing.queue_depths(depths, now)

    def worker_elsewhere(self, queue: str, host: str, since: datetime) -> str | None:
        """A worker of this queue on another host than this, heard of since; None when there is none."""
        return self._auditing.worker_elsewhere(queue, host, since)


def _words(lost: Lost) -> list[str]:
    counted = (
        (lost.alerts, "that nobody was to be told of", "alert"),
        (lost.incidents, "that nothing was due for", "incident"),
    )
    return [
        f"{count} open {noun}{'' if count == 1 else 's'} {what}, begun anew" for count, what, noun in counted if count
    ]
