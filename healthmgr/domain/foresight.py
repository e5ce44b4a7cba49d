"""What is going to go wrong with who is on call, as alerts: one for each schedule and kind, however many times it is.

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
from healthmgr.domain.incoming import IncomingAlert
from healthmgr.domain.phrasing import absolute, span
from healthmgr.domain.schedule import Layer, Schedule

ORIGIN = "on-call"  # of the alerts
AHEAD = timedelta(days=14)
SOON = timedelta(days=1)
FEED_MAY_FAIL_FOR = timedelta(minutes=30)
HOLDS_FOR = timedelta(hours=3)  # what is not found again ends by itself
BROKEN_FEED = "calendar"


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
    grouped: defaultdict[tuple[FindingKind, tuple[str, ...]], list[Finding]] = defaultdict(list)
    for one in unmeant(schedules, now, now + AHEAD):
        kind = FindingKind.GAP if one.kind is FindingKind.EMPTY_SHIFT else one.kind
        grouped[(kind, one.schedules)].append(one)
    found = [_of_schedule(kind, names, group, now) for (kind, names), group in grouped.items()]
    return found + [_of_feed(feed, now) for feed in feeds if _has_failed(feed, now)]


def over(labels: Mapping[str, str], now: datetime) -> IncomingAlert:
    """The end of an alert with these labels, whose cause is not found any more."""
    return IncomingAlert(labels, now, now, Severity.LOW, "", "")


def _of_schedule(kind: FindingKind, names: tuple[str, ...], group: Sequence[Finding], now: datetime) -> IncomingAlert:
    first = group[0]
    is_gap = kind is FindingKind.GAP
    when = (
        f"from {absolute(first.starts_at)} on" if first.ends_at >= now + AHEAD else span(first.starts_at, first.ends_at)
    )
    what = f"nobody is on call {when}" if is_gap else f"{first.person} is on call in both {when}"
    more = f", and {len(group) - 1} more times in the coming {AHEAD.days} days" if len(group) > 1 else ""
    noun = "On-call schedule" if len(names) == 1 else "On-call schedules"
    return _alert(
        kind.value,
        ",".join(names),
        Severity.MEDIUM if is_gap and first.starts_at <= now + SOON else Severity.LOW,
        f"{noun} {' and '.join(names)}",
        f"{' and '.join(names)}: {what}{more}",
        now,
    )


def _of_feed(feed: Feed, now: datetime) -> IncomingAlert:
    held = f"what was read at {absolute(feed.read_at)} goes on holding" if feed.read_at else "it was never read"
    return _alert(
        BROKEN_FEED,
        feed.schedule,
        Severity.LOW if feed.read_at else Severity.MEDIUM,
        f"Calendar of on-call schedule {feed.schedule}",
        f"The calendar ({feed.kind.value}) of {feed.schedule} cannot be read: {feed.fault}; {held}",
        now,
    )


def _alert(kind: str, schedule: str, severity: Severity, name: str, summary: str, now: datetime) -> IncomingAlert:
    labels = {"service": "on-call", "schedule": schedule, "kind": kind}
    return IncomingAlert(labels, now, now + HOLDS_FOR, severity, name[:256], summary[:1024])


def _has_failed(feed: Feed, now: datetime) -> bool:
    """One refusal may pass by itself: only what lasts is worth telling."""
    return feed.failing_since is not None and now - feed.failing_since >= FEED_MAY_FAIL_FOR


def _leaves_out(layer: Layer, at: datetime) -> bool:
    return bool(layer.hours) and not any(interval.contains(at) for interval in layer.hours)
