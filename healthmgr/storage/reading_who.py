"""Who would be told of an alert now: its routes, their policies, and whom each level means at this instant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Engine

from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Level, Passed, Situation, TargetKind
from healthmgr.domain.person import Person
from healthmgr.domain.plan import Course, Leg, Target
from healthmgr.storage.climbing_rows import ClimbingRows
from healthmgr.storage.directory_rows import read_directory
from healthmgr.storage.transactions import transaction
from healthmgr.views_oncall import ContactView, NamedView, ReachedView, WhoLegView, WhoLevelView, WhoView

_UNREACHABLE = "nobody_has_a_contact"


def read_who(engine: Engine, labels: Mapping[str, str], severity: Severity, now: datetime) -> WhoView:
    """Who is told of an alert with these labels. Nothing is changed; mutes and time windows of routes are not judged.

    Raises Unavailable while the database is away.
    """
    with transaction(engine) as connection:
        directory, rows = read_directory(connection), ClimbingRows(connection)
        plan = directory.plan(labels)
        course = plan.course(severity)
        looking = _Looking(rows, severity, now)
        return WhoView(
            at=now,
            labels={**labels, "severity": severity.value},
            legs=[looking.leg(leg, course) for leg in course.legs],
            default=[_over(target) for target in plan.default.targets],
        )


class _Looking:
    """Looks at one moment."""

    def __init__(self, rows: ClimbingRows, severity: Severity, now: datetime) -> None:
        self._rows, self._severity, self._now = rows, severity, now

    def leg(self, leg: Leg, course: Course) -> WhoLegView:
        levels = leg.policy.levels if leg.policy else ()
        return WhoLegView(
            route=leg.route,
            receiver=leg.receiver,
            told=[_over(target) for target in leg.targets],
            policy=leg.policy.name if leg.policy else "",
            levels=[
                self._level(level, level.delay if place or leg.policy is None else leg.policy.begins_after)
                for place, level in enumerate(levels)
            ],
            is_climbed=leg.policy is not None and leg.policy is course.policy,
        )

    def _level(self, level: Level, delay: timedelta) -> WhoLevelView:
        named = [
            (target, self._rows.who_is(target, self._now))
            for target in level.targets
            if target.kind is not TargetKind.CHANNEL
        ]
        channels = [target.name for target in level.targets if target.kind is TargetKind.CHANNEL]
        names = list(dict.fromkeys(person for _, people in named for person in people))
        known = self._rows.people(names)
        reached = [self._reached(name, known.get(name), level) for name in names]
        return WhoLevelView(
            name=level.name,
            delay=delay.total_seconds(),
            named=[NamedView(name=str(target), people=list(people)) for target, people in named],
            reached=reached,
            channels=channels,
            passed=self._passed(level, names, reached, channels),
        )

    def _reached(self, name: str, person: Person | None, level: Level) -> ReachedView:
        contacts = person.reached_over(level.channels) if person else ()
        return ReachedView(
            person=name,
            contacts=[
                ContactView(person=name, channel=one.channel, address=one.address, after=one.after.total_seconds())
                for one in contacts
            ],
            quiet_until=person.quiet_until(self._severity, self._now) if person else None,
        )

    def _passed(self, level: Level, names: list[str], reached: list[ReachedView], channels: list[str]) -> str:
        windows = self._rows.windows(level.when.during)
        passed = level.when.passed(Situation(self._severity, 1, self._now, windows))
        if passed is not None:
            return passed.value
        if channels or any(one.contacts for one in reached):
            return ""
        return _UNREACHABLE if names else Passed.NOBODY_ON_CALL.value


def _over(target: Target) -> str:
    return f"{target.recipient} over {target.channel}"
