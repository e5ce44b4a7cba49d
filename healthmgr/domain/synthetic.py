"""The synthetic notification: a made-up alert that walks the whole way every few minutes, so that a break in it shows.

It is one incident for all time, number 0, which is opened again for every trial: people's incidents are numbered
without gaps. No route, mute or digest concerns it, and no list shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from healthmgr.domain.alert import fingerprint
from healthmgr.domain.check import Severity
from healthmgr.domain.directory import Grouping
from healthmgr.domain.phrasing import lasted
from healthmgr.domain.plan import Course, Leg, Plan, Target

ORIGIN = "synthetic"
NAME = "Synthetic notification"
LABELS: Mapping[str, str] = {"synthetic": "true"}
SEVERITY = Severity.CRITICAL
FINGERPRINT = fingerprint(ORIGIN, LABELS)
INCIDENT_NUMBER = 0
# No definition can have this name: it is nobody's, and has no other channel to fall back to.
RECIPIENT = "(healthmgr)"
# The channel that healthmgr provides itself.
CHANNEL, CHANNEL_KIND = "healthmgr-loopback", "loopback"
GROUPING = Grouping(route=ORIGIN, key=ORIGIN, labels={}, wait=timedelta(0))

DELIVERED_WITHIN = timedelta(minutes=2)
TOLD_AGAIN_EVERY = timedelta(minutes=5)
KEPT_FOR = timedelta(days=1)
_GROUP_INTERVAL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Trials:
    """What is known of the trials so far.

    `began_at` is when the latest one did, `sent_at` when a provider accepted the latest that arrived, and `took` how
    long after its beginning that was; `lost` counts the trials given up since. `is_open`: one is still under way.
    """

    interval: timedelta
    began_at: datetime
    target: Target
    is_open: bool = False
    sent_at: datetime | None = None
    took: timedelta | None = None
    lost: int = 0

    def to_document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "interval": self.interval.total_seconds(),
            "began_at": self.began_at.isoformat(),
            "is_open": self.is_open,
            "sent_at": self.sent_at.isoformat() if self.sent_at else None,
            "took": self.took.total_seconds() if self.took is not None else None,
            "lost": self.lost,
            "target": [self.target.recipient, self.target.channel, self.target.address],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Trials:
        """From what `to_document` gave."""
        sent_at, took = document["sent_at"], document["took"]
        return cls(
            interval=timedelta(seconds=document["interval"]),
            began_at=datetime.fromisoformat(document["began_at"]),
            target=Target(*document["target"]),
            is_open=document["is_open"],
            sent_at=datetime.fromisoformat(sent_at) if sent_at else None,
            took=None if took is None else timedelta(seconds=took),
            lost=document["lost"],
        )


@dataclass(frozen=True, slots=True)
class Begin:
    """Open the alert."""


@dataclass(frozen=True, slots=True)
class Conclude:
    """It has arrived: resolve the alert."""

    sent_at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It has not arrived within two intervals: resolve the alert, so that the next trial has a fresh plan."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done now."""


Step = Begin | Conclude | GiveUp | Wait


def next_step(trials: Trials | None, sent_at: datetime | None, interval: timedelta, now: datetime) -> Step:
    """What comes next; `sent_at` is when the notification of the trial under way was accepted, if it was."""
    if trials is None:
        return Begin()
    if trials.is_open:
        if sent_at is not None:
            return Conclude(sent_at)
        return GiveUp() if now - trials.began_at >= 2 * interval else Wait()
    return Begin() if trials.lost or now - trials.began_at >= interval else Wait()


def findings(trials: Trials | None, now: datetime) -> Iterator[str]:
    """What the auditor has to say of it; nothing while it is switched off.

    After a pause of the whole system the last one is old, and says nothing: that a new one has just begun does.
    """
    if trials is None:
        return
    is_late = trials.is_open and now - trials.began_at > DELIVERED_WITHIN
    is_missed = not trials.is_open and now - trials.began_at > 2 * trials.interval
    over = f"over {trials.target.channel}"
    if trials.lost or is_late or is_missed:
        since = f"for {lasted(now - trials.sent_at)}" if trials.sent_at else "so far"
        yield f"no synthetic notification has arrived {over} {since}"
    elif trials.took is not None and trials.took > DELIVERED_WITHIN:
        yield f"the last synthetic notification {over} took {lasted(trials.took)}"


def plan(target: Target) -> Plan:
    """Who is told of it: the one target, and nobody of its end or in its place."""
    leg = Leg(ORIGIN, (target,), TOLD_AGAIN_EVERY, sends_resolved=False)
    course = Course((leg,), _GROUP_INTERVAL)
    return Plan(dict.fromkeys(Severity, course), Leg(ORIGIN, (), TOLD_AGAIN_EVERY, sends_resolved=False))
