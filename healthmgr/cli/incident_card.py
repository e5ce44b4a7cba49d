"""All that `healthmgr incidents show` knows of an incident: what a person needs at three in the morning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.text import Text

from healthmgr.cli.printing import (
    Column,
    ago,
    duration,
    moment,
    print_facts,
    print_heading,
    print_lines,
    print_table,
    styled,
)
from healthmgr.cli.wording import alert_name, alert_state, incident_name, incident_state, pairs
from healthmgr.domain.check import Severity
from healthmgr.domain.phrasing import clock_time, listing
from healthmgr.domain.timeline_words import because, sentence
from healthmgr.views import AlertView
from healthmgr.views_incidents import EntryView, IncidentView, TaskView
from healthmgr.views_insight import CauseView

_MOST_ALERTS = 20
_MOST_ENTRIES = 40
_MOST_NAMED = 10
_MOST_CAUSES = 3


def print_incident_card(incident: IncidentView, now: datetime, *, whole: bool = False) -> None:
    """The card for people; with `whole`, all of its timeline."""
    is_over = incident.resolved_at is not None
    tone = "resolved" if is_over else incident.severity
    print_lines(styled(tone, f"{incident_name(incident.number)} {incident.severity}: {incident.title}"))
    print_facts(_facts(incident, now))
    _print_alerts(incident, now)
    _print_causes(incident.causes)
    _print_timeline(incident.timeline, now, whole=whole)
    if not is_over:
        _print_answers(incident)


def _facts(incident: IncidentView, now: datetime) -> Iterator[tuple[str, str | Text]]:
    own, impacted = _members(incident)
    yield "state", incident_state(incident)
    yield "since", moment(incident.opened_at, now)
    yield "over", _end(incident, now)
    yield "whose", incident.assignee or ""
    yield "in hand until", moment(incident.acknowledged_until, now)
    yield "alerts", f"{incident.open_alerts} open of {incident.alerts}"
    yield "held back", "; ".join(_held_back(own))
    yield "fails with it", listing([alert_name(alert) for alert in impacted], _MOST_NAMED)
    yield "hangs on it", incident.hanging
    yield "told so far", _told(incident)
    yield "last told", ago(incident.last_told_at, now) if incident.last_told_at else "nobody yet"
    yield "told next", "" if incident.resolved_at else _next(incident, now)
    yield "roles", ", ".join(f"{role.role} {role.person}" for role in incident.roles)
    yield "subscribers", listing(incident.subscribers, _MOST_NAMED)
    yield "other incidents", ", ".join(f"{link.kind.replace('_', ' ')} #{link.number}" for link in incident.linked)
    yield "tasks", "; ".join(_task(task) for task in incident.tasks)
    yield "plan", "; ".join(_plan(incident))
    yield "route", incident.route
    yield "labels", pairs(incident.labels)
    yield "runbook", ", ".join(sorted({alert.runbook_url for alert in own if alert.runbook_url}))
    yield "incident id", str(incident.id)


def _task(task: TaskView) -> str:
    whose = f" ({task.assignee})" if task.assignee else ""
    return f"{task.number}. {task.title}{whose}{', done' if task.done_at else ''}"


def _members(incident: IncidentView) -> tuple[list[AlertView], list[AlertView]]:
    """Its own alerts, open ones and the worst first, and the open ones that are explained by these."""
    own = [alert for alert in incident.members if alert.suppressed_by is None]
    impacted = [a for a in incident.members if a.suppressed_by is not None and a.resolved_at is None]
    own.sort(key=lambda a: (a.resolved_at is not None, Severity(a.severity).rank, a.opened_at))
    return own, impacted


def _end(incident: IncidentView, now: datetime) -> str:
    if incident.resolved_at is None:
        return ""
    return f"{moment(incident.resolved_at, now)} after {_lasted(incident.resolved_at - incident.opened_at)}"


def _held_back(alerts: list[AlertView]) -> Iterator[str]:
    """Alerts that tell nobody at present, and why."""
    for alert in alerts:
        if alert.resolved_at is None and alert.mute_reason:
            by = f" ({alert.muted_by})" if alert.muted_by else ""
            yield f"{alert_name(alert)}: {because(alert.mute_reason)}{by}"


def _told(incident: IncidentView) -> str:
    sent = (f"{n.recipient} over {n.channel}" for n in reversed(incident.notifications) if n.state == "sent")
    return listing([*dict.fromkeys(sent)], _MOST_NAMED)


def _next(incident: IncidentView, now: datetime) -> str:
    """When somebody is told again, and why not sooner."""
    if incident.acknowledged_at is not None:
        until = incident.acknowledged_until
        return f"{ago(until, now)}, if it still fires" if until else "when something is new"
    waits = f"held back so far, because {because(incident.held_reason)}" if incident.held_reason else ""
    times = [at for at in (incident.round_at, incident.climb_at) if at is not None]
    what = "the next level of its policy" if times and min(times) == incident.climb_at else "told again"
    when = f"{what} {ago(min(times), now)}" if times else ""
    return f"{when} ({waits})" if when and waits else when or waits


def _plan(incident: IncidentView) -> Iterator[str]:
    for leg in incident.plan:
        policy = [f"policy {leg.policy}"] if leg.policy else []
        whom = listing([*leg.to, *policy], _MOST_NAMED)
        yield f"{whom}, again every {duration(leg.cadence)}" if leg.to else whom


def _print_alerts(incident: IncidentView, now: datetime) -> None:
    own, _impacted = _members(incident)
    print_heading("Its alerts")
    columns = (
        Column("severity"),
        Column("state", max_width=20),
        Column("opened"),
        Column("alert", max_width=24),
        Column("summary", is_flexible=True, is_wrapped=True),
    )
    rows = (
        (styled(a.severity), alert_state(a), ago(a.opened_at, now), alert_name(a), a.summary)
        for a in own[:_MOST_ALERTS]
    )
    print_table(columns, rows)
    hidden = incident.alerts - min(len(own), _MOST_ALERTS)
    if hidden > 0:
        print_lines(f"  and {hidden} more: --json has {'all of them' if incident.alerts == len(own) else 'more'}")


def _print_causes(causes: list[CauseView]) -> None:
    """The likeliest first, each with the weightiest of what speaks for it."""
    if not causes:
        return
    print_heading("What it may come from")
    columns = (
        Column(""),
        Column("cause", max_width=30),
        Column("score", is_number=True),
        Column("because", True, True),
    )
    rows = (
        (str(place), cause.subject, f"{cause.score:.1f}", cause.words.removeprefix(f"{cause.subject}: "))
        for place, cause in enumerate(causes[:_MOST_CAUSES], 1)
    )
    print_table(columns, rows)


def _print_timeline(timeline: list[EntryView], now: datetime, *, whole: bool) -> None:
    print_heading("What happened (UTC)")
    shown = timeline if whole else timeline[-_MOST_ENTRIES:]
    if len(shown) < len(timeline):
        print_lines(f"  {len(timeline) - len(shown)} earlier lines: add --all")
    columns = (Column("when"), Column("what", is_flexible=True, is_wrapped=True))
    print_table(columns, ((clock_time(e.at, now), sentence(e.kind, e.reason, e.actor, e.detail)) for e in shown))


def _print_answers(incident: IncidentView) -> None:
    number, has_it = incident.number, incident.acknowledged_at is not None
    print_heading("What you can do")
    answers = (
        (f"healthmgr incidents ack {number}", "" if has_it else "say that you are on it"),
        (f"healthmgr incidents unack {number}", "have people told again" if has_it else ""),
        (f"healthmgr incidents snooze {number} --for 1h", "" if has_it else "put it off"),
        (f"healthmgr incidents escalate {number}", "tell the next level now"),
        (f"healthmgr incidents ask {number} WHO", "have somebody told who can help"),
        (f"healthmgr incidents comment {number} TEXT", "tell those who come later"),
        (f"healthmgr incidents resolve {number}", "close all of it by hand"),
    )
    print_facts(answers)


def _lasted(length: timedelta) -> str:
    return duration(length.total_seconds())
