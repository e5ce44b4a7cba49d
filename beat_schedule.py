"""The periodic tasks of healthmgr on itself, as data: name, interval, queue.

Checks are not listed here: their due times are rows that every beat claims from, and so are the due times
of these tasks, so that any number of beats may run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A task that a beat sends every `interval`; missed turns are coalesced into one."""

    name: str
    interval: timedelta
    queue: str


SCHEDULE = (
    PeriodicTask("healthmgr.checks.register_modules", timedelta(seconds=10), "checks"),
    PeriodicTask("healthmgr.events.publish", timedelta(seconds=1), "upkeep"),
    PeriodicTask("healthmgr.webhooks.spread", timedelta(seconds=1), "upkeep"),
    PeriodicTask("healthmgr.webhooks.forget", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.events.keep_metrics", timedelta(seconds=10), "upkeep"),
    PeriodicTask("healthmgr.upkeep.synthesize", timedelta(seconds=15), "upkeep"),
    PeriodicTask("healthmgr.upkeep.audit", timedelta(seconds=15), "upkeep"),
    PeriodicTask("healthmgr.upkeep.keep_partitions", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.roll_up", timedelta(seconds=20), "upkeep"),
    PeriodicTask("healthmgr.upkeep.uphold", timedelta(seconds=30), "upkeep"),
    PeriodicTask("healthmgr.upkeep.predict", timedelta(seconds=15), "upkeep"),
    PeriodicTask("healthmgr.upkeep.sense", timedelta(seconds=15), "upkeep"),
    PeriodicTask("healthmgr.upkeep.trace", timedelta(seconds=10), "upkeep"),
    PeriodicTask("healthmgr.upkeep.learn_dependencies", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.forget_changes", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.review_promises", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.forget_runs", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.forget_silences", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.read_calendars", timedelta(minutes=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.look_ahead", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.forget_maintenance", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.forget_sessions", timedelta(hours=1), "upkeep"),
    PeriodicTask("healthmgr.upkeep.forget_answers", timedelta(hours=1), "upkeep"),
)
