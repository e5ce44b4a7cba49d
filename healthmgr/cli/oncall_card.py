"""All that `healthmgr oncall show` and `healthmgr oncall who` tell people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.text import Text

from healthmgr.cli.printing import (
    Column,
    ago,
    clean,
    duration,
    print_facts,
    print_heading,
    print_lines,
    print_table,
    styled,
)
from healthmgr.domain.calendar import zone
from healthmgr.domain.civil import local, until
from healthmgr.domain.coverage import ABSENCE_WORDS, FindingKind
from healthmgr.domain.phrasing import absolute, lasted, listing
from healthmgr.views_oncall import (
    ChangeView,
    FindingView,
    ReachedView,
    ScheduleView,
    SpanView,
    WhoLegView,
    WhoLevelView,
    WhoView,
)

_PASSED = {
    "nobody_on_call": "nobody is on call: passed at once",
    "nobody_has_a_contact": "nobody of them can be reached: passed at once",
    "not_for_this_severity": "not for this severity: passed",
    "not_at_this_time": "not at this time: passed",
    "too_few_alerts": "not for a single alert: passed",
}
_MOST_UNKNOWN = 5


def print_schedule(view: ScheduleView, now: datetime) -> None:
    """The schedule, on its own clock."""
    location = zone(view.timezone)
    print_facts(_facts(view, location))
    if view.findings:
        print_heading("What is wrong")
        for finding in view.findings:
            print_lines(styled("failed", _wrong(finding, view.name, location)))
    print_heading("Shifts")
    columns = (Column("from"), Column("to"), Column("lasts"), Column("on call", is_flexible=True, is_wrapped=True))
    print_table(columns, (_shift(span, location) for span in view.spans))
    if view.burdens:
        print_heading("How it is shared")
        columns = (
            Column("person", max_width=24), Column("hours", is_number=True), Column("nights", is_number=True),
            Column("weekends", is_number=True),
        )  # fmt: skip
        print_table(
            columns, ((one.person, _hours(one.total), _hours(one.nights), _hours(one.weekends)) for one in view.burdens)
        )
    if view.changes or view.swaps:
        print_heading("Changes")
        for change in view.changes:
            print_lines(f"{str(change.id)[-8:]}  {change_words(change, location)}")
        for swap in view.swaps:
            when = f"{local(swap.given_from, location)} to {until(swap.given_to, swap.given_from, location)}"
            print_lines(f"{str(swap.id)[-8:]}  {swap.proposed_by} asks {swap.proposed_to} to take {when}")
    for feed in view.feeds:
        print_heading(f"Calendar ({feed.kind})")
        print_facts(
            (
                ("read", ago(feed.read_at, now) if feed.read_at else "never"),
                ("fails since", f"{ago(feed.failing_since, now)}: {feed.fault}" if feed.failing_since else ""),
                ("not known here", listing(feed.unknown, _MOST_UNKNOWN)),
            )
        )


def change_words(change: ChangeView, location: ZoneInfo) -> str:
    """An override or a temporary schedule in one line."""
    when = f"{local(change.starts_at, location)} to {until(change.ends_at, change.starts_at, location)}"
    if change.kind == "temporary":
        people = listing(list(dict.fromkeys(shift.person for shift in change.shifts)), 5) or "nobody"
        what = f"only {people} on call"
    elif change.added and change.removed:
        what = f"{change.added} in the place of {change.removed}"
    else:
        what = f"{change.added} besides" if change.added else f"without {change.removed}"
    why = f": {change.comment}" if change.comment else ""
    return f"{when}: {what} (by {change.created_by}{why})"


def print_who(view: WhoView) -> None:
    """The routes and levels, at one moment."""
    labels = ", ".join(f'{name}="{clean(value)}"' for name, value in view.labels.items())
    print_lines(Text(f"{labels} at {absolute(view.at)}", "dim"))
    for leg in view.legs:
        print_heading(leg.route)
        print_facts(_leg_facts(leg))
        for number, level in enumerate(leg.levels, 1):
            for line in _level_lines(number, level):
                print_lines(line)
    print_heading("When nobody answers")
    print_lines(", ".join(view.default) or styled("failed", "nobody: there is no catch-all"))


def _facts(view: ScheduleView, location: ZoneInfo) -> Iterator[tuple[str, str | Text]]:
    first = view.spans[0]
    yield "schedule", view.name
    yield "", view.description
    yield "clock", view.timezone
    yield "defined by", view.managed_by
    when = f"from {local(view.begin, location)}"
    if not view.on_call:
        yield "on call", styled("failed", f"nobody, {when}")
    else:
        end = f" to {local(first.ends_at, location)}" if len(view.spans) > 1 else ""
        yield "on call", f"{', '.join(view.on_call)}, {when}{end}"
    if view.known_from and view.known_until and (view.begin < view.known_from or view.end > view.known_until):
        known = f"{local(view.known_from, location)} to {local(view.known_until, location)}"
        yield "calendars", styled("warning", f"are known from {known} alone")
    unverified = list(dict.fromkeys(f"{one.person} over {one.channel}" for one in view.unverified))
    if unverified:
        yield "not verified", f"{listing(unverified, 5)}: `healthmgr contacts verify`"


def _shift(span: SpanView, location: ZoneInfo) -> tuple[str | Text, ...]:
    begin, end = local(span.starts_at, location), local(span.ends_at, location)
    people: str | Text = ", ".join(span.people)
    if not span.people:
        why = "off hours" if span.is_meant else ABSENCE_WORDS.get(span.absence, span.absence)
        people = styled("skipped" if span.is_meant else "failed", f"nobody ({why})")
    return begin, end, lasted(span.ends_at - span.starts_at), people


def _wrong(finding: FindingView, schedule: str, location: ZoneInfo) -> str:
    when = f"{local(finding.starts_at, location)} to {until(finding.ends_at, finding.starts_at, location)}"
    if finding.kind == FindingKind.DOUBLE_BOOKING:
        other = ", ".join(name for name in finding.schedules if name != schedule)
        return f"{when}: {finding.person} is on call in {other} as well"
    return f"{when}: nobody is on call ({ABSENCE_WORDS.get(finding.reason, finding.reason)})"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f}".removesuffix(".0")


def _leg_facts(leg: WhoLegView) -> Iterator[tuple[str, str | Text]]:
    yield "receiver", leg.receiver
    yield "told at once", ", ".join(leg.told)
    yield "policy", leg.policy
    if leg.policy and not leg.is_climbed:
        yield "", "not climbed: a later route's policy is"
    if not leg.told and not leg.policy:
        yield "told at once", styled("failed", "nobody")


def _level_lines(number: int, level: WhoLevelView) -> Iterator[str | Text]:
    before = "the one before" if number > 1 else "it was routed"
    after = f", {duration(level.delay)} after {before}" if level.delay else ""
    named = [f"{one.name} ({', '.join(one.people) or 'nobody'})" for one in level.named]
    named += [f"channel:{channel}" for channel in level.channels]
    yield Text(f"{number}. {clean(level.name)}{after}: {clean(', '.join(named))}")
    for reached in level.reached:
        yield f"   {_reached(reached)}"
    if level.passed:
        yield styled("failed", f"   {_PASSED.get(level.passed, level.passed)}")


def _reached(reached: ReachedView) -> str:
    if not reached.contacts:
        return f"{reached.person}: cannot be reached"
    ways = ", ".join(one.channel + (f" after {duration(one.after)}" if one.after else "") for one in reached.contacts)
    quiet = f" (quiet until {absolute(reached.quiet_until)})" if reached.quiet_until else ""
    return f"{reached.person}: {ways}{quiet}"
