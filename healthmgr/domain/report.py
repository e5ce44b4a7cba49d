"""A report on an incident that is over, drafted from its timeline, in Markdown: people correct it and add what is open.

Every fact is one that was written down at the time. What a machine cannot know is asked, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from healthmgr.domain.phrasing import absolute, clock_time, lasted, listing, span
from healthmgr.domain.timeline import EntryKind
from healthmgr.domain.timeline_words import sentence

MOST_LINES = 1000
_MOST_NAMED = 10
_SLOW = timedelta(minutes=5)
_LOST = ("refused_for_good", "tried_too_long", "reported_undelivered")
_MARKUP = re.compile(r"([\\`*_\[\]<>|#~])")
# What the section on the sending tells better.
_SENDING = frozenset({EntryKind.SENT, EntryKind.NOT_SENT, EntryKind.FELL_BACK})


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the timeline."""

    at: datetime
    kind: str
    reason: str = ""
    actor: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Affected:
    """One alert of it; `is_impact` for one that another explains."""

    name: str
    severity: str
    summary: str
    opened_at: datetime
    resolved_at: datetime | None = None
    service: str = ""
    is_impact: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """One message: to whom, over what, and when it was accepted; None where it was not, and `outcome` says why."""

    recipient: str
    channel: str
    kind: str
    at: datetime
    sent_at: datetime | None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that was to be done."""

    title: str
    assignee: str = ""
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of an incident. `began_at` is when the first check failed, or a source says it did.

    `changes` are other things that changed about then, `roles` who held which, `linked` sentences on other incidents.
    """

    number: int
    title: str
    severity: str
    opened_at: datetime
    now: datetime
    resolved_at: datetime | None = None
    assignee: str = ""
    began_at: datetime | None = None
    alerts: Sequence[Affected] = ()
    timeline: Sequence[Happened] = ()
    sent: Sequence[Sent] = ()
    changes: Sequence[tuple[datetime, str]] = ()
    roles: Sequence[tuple[str, str]] = ()
    tasks: Sequence[Task] = ()
    linked: Sequence[str] = ()


def draft(facts: Facts) -> str:
    """The report as Markdown."""
    sections = (
        ("Summary", _summary(facts)),
        ("Impact", _impact(facts)),
        ("How long it took", _lengths(facts)),
        ("Who did what", _people(facts)),
        ("Timeline", _timeline(facts)),
        ("Who was told what, and when", _told(facts)),
        ("Causes and changes", _causes(facts)),
        ("Tasks", _tasks(facts)),
        ("Open questions", _questions(facts)),
    )
    lines = [f"# Incident #{facts.number}: {plain(facts.title)}", ""]
    for heading, body in sections:
        lines += [f"## {heading}", "", *body, ""]
    return "\n".join(lines).rstrip() + "\n"


def plain(text: str) -> str:
    """A text as one line in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _summary(facts: Facts) -> Iterator[str]:
    own = [alert for alert in facts.alerts if not alert.is_impact]
    when = (
        f"It lasted {lasted(facts.resolved_at - facts.opened_at)}, {span(facts.opened_at, facts.resolved_at)}."
        if facts.resolved_at
        else f"It was opened {absolute(facts.opened_at)} and is not over; this is a draft of {absolute(facts.now)}."
    )
    count = f"{len(own)} alert{'' if len(own) == 1 else 's'}"
    yield f"{plain(facts.title)}, {facts.severity}. {when} It is made of {count}."
    first = min(own, key=lambda alert: alert.opened_at, default=None)
    if first is not None and first.summary:
        yield ""
        yield f"The first sign was {plain(first.name)}: {plain(first.summary)}"


def _impact(facts: Facts) -> Iterator[str]:
    services = sorted({alert.service for alert in facts.alerts if alert.service})
    if services:
        yield f"Services: {plain(listing(services, _MOST_NAMED))}."
        yield ""
    for alert in sorted(facts.alerts, key=lambda each: (each.is_impact, each.opened_at))[:MOST_LINES]:
        state = f"for {lasted(alert.resolved_at - alert.opened_at)}" if alert.resolved_at else "not over"
        kind = "failed because of it" if alert.is_impact else alert.severity
        said = f": {plain(alert.summary)}" if alert.summary else ""
        yield f"- {plain(alert.name)} ({kind}, {state}){said}"
    if not facts.alerts:
        yield "No alert is known of it."


def _lengths(facts: Facts) -> Iterator[str]:
    told_at = min((sent.sent_at for sent in facts.sent if sent.sent_at and sent.kind == "problem"), default=None)
    answered = next((entry for entry in facts.timeline if _is_answer(entry)), None)
    steps = (
        ("Detection (the first failure until the alert)", facts.began_at, facts.opened_at),
        ("Telling (the alert until the first message was accepted)", facts.opened_at, told_at),
        ("Answer (the alert until somebody had it in hand)", facts.opened_at, answered.at if answered else None),
        ("Repair (the alert until all of it was over)", facts.opened_at, facts.resolved_at),
    )
    for name, start, end in steps:
        took = lasted(end - start) if start and end else "not known" if start is None else "did not happen"
        yield f"- {name}: {took}"


def _is_answer(entry: Happened) -> bool:
    return entry.kind in (EntryKind.ACKNOWLEDGED, EntryKind.SNOOZED) and entry.reason != "nobody_answered"


def _people(facts: Facts) -> Iterator[str]:
    for role, person in facts.roles:
        yield f"- {plain(role.capitalize())}: {plain(person)}"
    if facts.assignee:
        yield f"- Whose it was: {plain(facts.assignee)}"
    acts: dict[str, list[str]] = {}
    for entry in facts.timeline:
        if entry.actor and entry.actor != "healthmgr" and entry.kind != EntryKind.TOLD:
            acts.setdefault(entry.actor, []).append(f"{clock_time(entry.at, facts.opened_at)} {entry.kind}")
    for actor, done in acts.items():
        yield f"- {plain(actor)}: {plain(listing(done, _MOST_NAMED).replace('_', ' '))}"
    if not (facts.roles or facts.assignee or acts):
        yield "Nobody acted on it."


def _timeline(facts: Facts) -> Iterator[str]:
    yield "Times are UTC."
    yield ""
    entries = [entry for entry in facts.timeline if entry.kind not in _SENDING]
    for entry in entries[-MOST_LINES:]:
        said = sentence(entry.kind, entry.reason, entry.actor, entry.detail)
        yield f"- {clock_time(entry.at, facts.opened_at)} {plain(said)}"


def _told(facts: Facts) -> Iterator[str]:
    for sent in sorted(facts.sent, key=lambda each: each.sent_at or each.at)[:MOST_LINES]:
        at = clock_time(sent.sent_at or sent.at, facts.opened_at)
        outcome = "" if sent.sent_at else f", not sent: {plain(sent.outcome.replace('_', ' ') or 'not yet')}"
        yield f"- {at} {plain(sent.recipient)} over {plain(sent.channel)}: {sent.kind}{outcome}"
    if not facts.sent:
        yield "Nobody was told anything."


def _causes(facts: Facts) -> Iterator[str]:
    for said in facts.linked:
        yield f"- {plain(said)}"
    for at, what in facts.changes:
        yield f"- {clock_time(at, facts.opened_at)} {plain(what)}"
    if not (facts.linked or facts.changes):
        yield "Nothing else is known to have changed about that time."


def _tasks(facts: Facts) -> Iterator[str]:
    for task in facts.tasks:
        whose = f" ({plain(task.assignee)})" if task.assignee else ""
        yield f"- [{'x' if task.is_done else ' '}] {plain(task.title)}{whose}"
    if not facts.tasks:
        yield "None was noted."


def _questions(facts: Facts) -> Iterator[str]:
    if not any(said.startswith("It was caused by") for said in facts.linked):
        yield "- What caused it? Why then?"
    if facts.began_at is not None and facts.opened_at - facts.began_at > _SLOW:
        yield f"- Why did it take {lasted(facts.opened_at - facts.began_at)} until an alert was raised?"
    lost = sorted({f"{sent.recipient} over {sent.channel}" for sent in facts.sent if sent.outcome in _LOST})
    if lost:
        yield f"- Why could {plain(listing(lost, _MOST_NAMED))} not be reached?"
    if not any(_is_answer(entry) for entry in facts.timeline):
        yield "- Why did nobody say that he had it in hand?"
    if any(entry.kind == EntryKind.EXHAUSTED for entry in facts.timeline):
        yield "- Why did no level of the policy answer?"
    if any(entry.kind == EntryKind.LEVEL_PASSED and entry.reason == "nobody_on_call" for entry in facts.timeline):
        yield "- Why was nobody on call at one of the levels?"
    yield "- What would have made it shorter? What keeps it from happening again?"
