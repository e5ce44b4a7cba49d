"""Will somebody be on call, can the calendars be read, and do the contacts of those who are on call work?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from healthmgr.cli.doctor.finding import Finding, Installation, fail, skip, warn, well
from healthmgr.domain.coverage import FindingKind
from healthmgr.domain.feed import Feed
from healthmgr.domain.foresight import AHEAD
from healthmgr.domain.phrasing import absolute, listing, relative
from healthmgr.views_oncall import FindingView

_NAMED = 4


def examine_oncall(installation: Installation) -> Iterator[Finding]:
    """The coming two weeks of every schedule, and the calendars that they are read from."""
    reading, now = installation.healthmgr.oncall.reading, installation.healthmgr.now()
    schedules = reading.schedules(now)
    if not schedules:
        yield skip("there are no schedules")
        return
    findings = [
        *_gaps(reading.findings(now, AHEAD), now),
        *(found for feed in reading.feeds() for found in _feed(feed, now)),
    ]
    yield from findings or [well(f"somebody is on call in all {len(schedules)} schedules for {AHEAD.days} days")]


def examine_contacts(installation: Installation) -> Iterator[Finding]:
    """Whether the contacts of those who are on call in the coming two weeks were ever tried."""
    reading, now = installation.healthmgr.oncall.reading, installation.healthmgr.now()
    people = reading.on_call_within(now, now + AHEAD)
    if not people:
        yield skip("nobody is on call")
        return
    contacts = reading.contacts(people)
    mute = sorted(people - {one.person for one in contacts})
    if mute:
        yield fail(f"on call, and without a contact: {listing(mute, _NAMED)}", "write contacts for them")
    unverified = list(dict.fromkeys(f"{c.person} over {c.channel}" for c in contacts if c.verified_at is None))
    if unverified:
        yield warn(
            f"never verified: {listing(unverified, _NAMED)}", "`healthmgr contacts verify PERSON CHANNEL` sends a code"
        )
    elif not mute:
        yield well(f"all contacts of the {len(people)} people who are on call were verified")


def _gaps(findings: list[FindingView], now: datetime) -> Iterator[Finding]:
    gaps = [one for one in findings if one.kind != FindingKind.DOUBLE_BOOKING]
    if gaps:
        first = gaps[0]
        more = f", and {len(gaps) - 1} more times" if len(gaps) > 1 else ""
        yield warn(
            f"nobody is on call in {first.schedules[0]} from {absolute(first.starts_at)} "
            f"({relative(first.starts_at, now)}){more}",
            f"`healthmgr oncall show {first.schedules[0]}` shows when; an override or another layer mends it",
        )
    twice = [one for one in findings if one.kind == FindingKind.DOUBLE_BOOKING]
    if twice:
        names = list(dict.fromkeys(f"{one.person} ({listing(one.schedules, _NAMED)})" for one in twice))
        yield warn(f"on call in two schedules at once: {listing(names, _NAMED)}", "nothing, where that is meant")


def _feed(feed: Feed, now: datetime) -> Iterator[Finding]:
    which = f"the calendar ({feed.kind.value}) of {feed.schedule}"
    if feed.fault:
        fix = f"correct schedules.{feed.schedule}.ical.{feed.kind.value}, or what is there"
        if feed.read_at is None:
            yield fail(f"{which} was never read: {feed.fault}", fix)
        else:
            yield warn(f"{which} was last read {relative(feed.read_at, now)}: {feed.fault}", fix)
    elif feed.read_at is None:
        yield warn(f"{which} was not read yet", "a worker of queue upkeep reads it within a minute; does one run?")
    if feed.unknown:
        yield warn(
            f"{which} names {listing(feed.unknown, _NAMED)}: nobody here is called so",
            "write the names or e-mail addresses of people",
        )
