"""What is going to go wrong with who is on call, as alerts: one for each schedule or person, however many times it is.

What a schedule leaves out by the hours that its layers name is meant, and said to nobody: a schedule for working hours
has a gap every night.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from healthmgr.domain.check import Severity
from healthmgr.domain.coverage import Finding, FindingKind, findings
from healthmgr.domain.feed import Feed
from healthmgr.domain.incoming import LONGEST_NAME, LONGEST_SUMMARY, IncomingAlert
from healthmgr.domain.phrasing import absolute, listing, span
from healthmgr.domain.schedule import Layer, Schedule

ORIGIN = "on-call"  # of the alerts
AHEAD = timedelta(days=14)
SOON = timedelta(days=1)
FEED_MAY_FAIL_FOR = timedelta(minutes=30)
HOLDS_FOR = timedelta(hours=3)  # what is not found again ends by itself
BROKEN_FEED = "calendar"
_MOST_NAMED = 5


def unmeant(schedules: Sequence[Schedule], begin: datetime, end: datetime) -> list[Finding]:
    """What is wrong from `begin` to `end`, without the gaps that the hours of the layers ask for."""
    by_name = {schedule.name: schedule for schedule in schedules}
    return [one for one in findings(schedules, begin, end) if not is_meant(one, by_name[one.schedules[0]])]


def is_meant(finding: Finding, schedule: Schedule) -> bool:
    """Whether this is a gap at times that every layer leaves out by its hours."""
    if finding.kind is not FindingKind.GAP or not schedule.layers:
        return False
    begin, end = finding.starts_at, finding.ends_at
    changes = {at for layer in schedule.layers for at in layer.changes(begin, end) if begin < at < end}
    return all(_leaves_out(layer, at) for at in (begin, *changes) for layer in schedule.layers)


def concerns(schedules: Sequence[Schedule], feeds: Iterable[Feed], now: datetime) -> list[IncomingAlert]:
    """The alerts that hold now: what is wrong in the coming two weeks, and calendars that cannot be read."""
    unattended: defaultdict[str, list[Finding]] = defaultdict(list)
    booked: defaultdict[str, list[Finding]] = defaultdict(list)
    for one in unmeant(schedules, now, now + AHEAD):
        if one.kind is FindingKind.DOUBLE_BOOKING:
            booked[one.person].append(one)
        else:
            unattended[one.schedules[0]].append(one)
    return [
        *(_unattended(schedule, group, now) for schedule, group in unattended.items()),
        *(_booked(person, group, now) for person, group in booked.items()),
        *(_unreadable(feed, now) for feed in feeds if _has_failed(feed, now)),
    ]


def over(labels: Mapping[str, str], now: datetime) -> IncomingAlert:
    """The end of an alert with these labels, whose cause is not found any more."""
    return IncomingAlert(labels, now, now, Severity.LOW, "", "")


def _unattended(schedule: str, group: Sequence[Finding], now: datetime) -> IncomingAlert:
    severity = Severity.MEDIUM if group[0].starts_at <= now + SOON else Severity.LOW
    summary = f"{schedule}: nobody is on call {_times(group, now)}"
    return _alert(
        {"schedule": schedule, "kind": FindingKind.GAP}, severity, f"On-call schedule {schedule}", summary, now
    )


def _booked(person: str, group: Sequence[Finding], now: datetime) -> IncomingAlert:
    where = listing(group[0].schedules, _MOST_NAMED)
    summary = f"{person} is on call in {where} at the same time {_times(group, now)}"
    labels = {"person": person, "kind": FindingKind.DOUBLE_BOOKING}
    return _alert(labels, Severity.LOW, f"On-call time of {person}", summary, now)


def _unreadable(feed: Feed, now: datetime) -> IncomingAlert:
    held = f"what was read at {absolute(feed.read_at)} goes on holding" if feed.read_at else "it was never read"
    return _alert(
        {"schedule": feed.schedule, "kind": BROKEN_FEED, "calendar": feed.kind.value},
        Severity.LOW if feed.read_at else Severity.MEDIUM,
        f"Calendar of on-call schedule {feed.schedule}",
        f"The calendar ({feed.kind.value}) of {feed.schedule} cannot be read: {feed.fault}; {held}",
        now,
    )


def _times(group: Sequence[Finding], now: datetime) -> str:
    """When it is the first time, and how often besides."""
    first = group[0]
    is_endless = first.ends_at >= now + AHEAD
    when = f"from {absolute(first.starts_at)} on" if is_endless else f"from {span(first.starts_at, first.ends_at)}"
    return f"{when}, and {len(group) - 1} more times in {AHEAD.days} days" if len(group) > 1 else when


def _alert(labels: Mapping[str, str], severity: Severity, name: str, summary: str, now: datetime) -> IncomingAlert:
    said = {"service": "on-call"} | {label: str(value) for label, value in labels.items()}
    return IncomingAlert(said, now, now + HOLDS_FOR, severity, name[:LONGEST_NAME], summary[:LONGEST_SUMMARY])


def _has_failed(feed: Feed, now: datetime) -> bool:
    """One refusal may pass by itself: only what lasts is worth telling."""
    return feed.failing_since is not None and now - feed.failing_since >= FEED_MAY_FAIL_FOR


def _leaves_out(layer: Layer, at: datetime) -> bool:
    return bool(layer.hours) and not any(interval.contains(at) for interval in layer.hours)
