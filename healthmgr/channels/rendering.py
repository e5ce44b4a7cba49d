"""What messages look like: a Message as a subject, plain text and HTML, for any channel.

The templates only lay out; every word, time and bound is made here. Pure but for reading the templates once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from healthmgr.channels.text import clean, one_line, web_address
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import AlertFacts, Breach, Message, MessageKind, ResultFacts
from healthmgr.domain.phrasing import absolute, clock_time, lasted, listing, relative, span, took

MOST_WHOLE_ALERTS = 4
MOST_SHORT_ALERTS = 20
MOST_RESULTS = 5
_MOST_NAMES = 12
_LINE = 300
_PARAGRAPH = 1500

# Background and text of the band, by what a message is about: white or black, whichever reads better on it.
_BANDS: Mapping[Severity, tuple[str, str]] = {
    Severity.CRITICAL: ("#b3261e", "#ffffff"),
    Severity.HIGH: ("#b4500b", "#ffffff"),
    Severity.MEDIUM: ("#f0b429", "#1d1f23"),
    Severity.LOW: ("#41617f", "#ffffff"),
}
_RESOLVED_BAND = ("#1b7a48", "#ffffff")
_INKS: Mapping[Status, str] = {
    Status.HEALTHY: "#1b7a48",
    Status.DEGRADED: "#96640a",
    Status.UNHEALTHY: "#b3261e",
    Status.UNKNOWN: "#5b6472",
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message in the three forms that channels need. `subject` is one line without a product prefix."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class _Row:
    """One past result, phrased."""

    at: str
    status: str
    ink: str
    took: str
    message: str


@dataclass(frozen=True, slots=True)
class _AlertView:
    """One alert, phrased. `facts` are (label, value) pairs in the order of their use at three in the morning."""

    headline: str
    status: str
    ink: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    runbook: str
    runbook_url: str
    description: str
    rows: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class _MessageView:
    """Everything the two templates need."""

    subject: str
    eyebrow: str
    headline: str
    since: str
    band: str
    band_ink: str
    summary: str
    news: str
    url: str
    action: str
    command: str
    whole: tuple[_AlertView, ...]
    short: tuple[_AlertView, ...]
    left_out: int
    footer: tuple[str, ...]


def render(message: Message) -> Rendered:
    """The message in its three forms; raises ValueError for one without any alert, of which nothing could be told."""
    if not message.alerts:
        raise ValueError(f"the message {message.notification_id} has no alert to tell of")
    view = _view(message)
    templates = _templates()
    return Rendered(
        subject=view.subject,
        text=templates.get_template("message.txt.j2").render(m=view).strip() + "\n",
        html=templates.get_template("message.html.j2").render(m=view),
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("healthmgr.channels"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _view(message: Message) -> _MessageView:
    is_over = message.kind is MessageKind.RESOLUTION
    band, band_ink = _RESOLVED_BAND if is_over else _BANDS[message.severity]
    title = one_line(message.title, 160)
    first, now, is_alone = message.alerts[0], message.composed_at, len(message.alerts) == 1
    views = [_alert(alert, now, is_alone=is_alone) for alert in message.alerts[:MOST_SHORT_ALERTS]]
    return _MessageView(
        subject=f"{title} (#{message.incident_number})",
        eyebrow=_eyebrow(message),
        headline=title.removeprefix(f"{message.severity.value.capitalize()}: "),
        since=_span(message) if is_over else f"Since {_moment(message.opened_at, now)}",
        band=band,
        band_ink=band_ink,
        summary=one_line(first.resolution if is_over else first.summary, _LINE),
        news=_news(message),
        url=web_address(message.url),
        action=_action(message),
        command="" if is_over else one_line(message.how_to_acknowledge, _LINE),
        whole=tuple(views[:MOST_WHOLE_ALERTS]),
        short=tuple(views[MOST_WHOLE_ALERTS:]),
        left_out=len(message.alerts) - len(views),
        footer=_footer(message),
    )


def _eyebrow(message: Message) -> str:
    number = f"incident #{message.incident_number}"
    if message.kind is MessageKind.RESOLUTION:
        return f"{number.capitalize()} · was {message.severity.value}"
    update = " · update" if message.kind is MessageKind.UPDATE else ""
    reminder = f" · reminder {message.round}" if message.round else ""
    return f"{message.severity.value.capitalize()} · {number}{update}{reminder}"


def _news(message: Message) -> str:
    """What is new, where that is not the problem itself: the named reason of the decision, in words."""
    return one_line(message.reason, 100).replace("_", " ").capitalize() if message.kind is MessageKind.UPDATE else ""


def _action(message: Message) -> str:
    if message.kind is MessageKind.RESOLUTION or not message.how_to_acknowledge:
        return f"Open incident #{message.incident_number}"
    return f"Open incident #{message.incident_number} and acknowledge"


def _span(message: Message) -> str:
    ended = max((alert.resolved_at for alert in message.alerts if alert.resolved_at), default=message.composed_at)
    return f"Lasted {lasted(ended - message.opened_at)}: {span(message.opened_at, ended)}"


def _moment(at: datetime, now: datetime) -> str:
    return f"{absolute(at)} ({relative(at, now)})"


def _alert(alert: AlertFacts, now: datetime, *, is_alone: bool) -> _AlertView:
    is_over = alert.resolved_at is not None
    status = "flapping" if alert.is_flapping else alert.status.value
    return _AlertView(
        headline=one_line(alert.check_name, 160),
        status="resolved" if is_over else status,
        ink=_INKS[Status.HEALTHY if is_over else alert.status],
        summary=one_line(alert.resolution if is_over else alert.summary, _LINE),
        facts=tuple((label, value) for label, value in _facts(alert, now, is_alone=is_alone) if value),
        runbook=one_line(alert.runbook_url, 2000),
        runbook_url=web_address(alert.runbook_url),
        description=clean(alert.description, _PARAGRAPH),
        rows=tuple(_row(result, now) for result in alert.last_results[:MOST_RESULTS]),
    )


def _row(result: ResultFacts, now: datetime) -> _Row:
    return _Row(
        at=clock_time(result.at, now),
        status=result.status.value,
        ink=_INKS[result.status],
        took=took(result.response_time),
        message=one_line(result.message, 160),
    )


def _facts(alert: AlertFacts, now: datetime, *, is_alone: bool) -> tuple[tuple[str, str], ...]:
    measured = "; ".join(_breach(breach) for breach in alert.breaches[:6])
    labels = [f"{one_line(k, 60)}={one_line(v, 100)}" for k, v in islice(alert.labels.items(), _MOST_NAMES)]
    place = (("Where", _place(alert)), ("Labels", ", ".join(labels)))
    if alert.resolved_at:
        return (
            ("Problem was", one_line(alert.summary, _LINE)),
            ("Measured then", measured),
            ("Failed with it", _names(alert.impacted)),
            ("Lasted", "" if is_alone else lasted(alert.resolved_at - alert.opened_at)),
            *place,
        )
    return (
        ("Measured", measured),
        ("Failing with it", _names(alert.impacted)),
        ("Depends on it", _names(alert.dependents)),
        ("Severity", "" if is_alone else alert.severity.value),
        ("Since", "" if is_alone else _moment(alert.opened_at, now)),
        *place,
    )


def _breach(breach: Breach) -> str:
    metric = one_line(breach.metric, 80).replace("_", " ")
    return f"{metric} {one_line(breach.value, 60)}, {breach.status.value} at {one_line(breach.threshold, 60)}"


def _names(slugs: tuple[str, ...]) -> str:
    return listing([one_line(slug, 80) for slug in slugs[:_MOST_NAMES]] + [*slugs[_MOST_NAMES:]], _MOST_NAMES)


def _place(alert: AlertFacts) -> str:
    within = [
        f"{word} {one_line(name, 80)}"
        for word, name in (("service", alert.service), ("category", alert.category))
        if name
    ]
    check = one_line(alert.check_slug, 80)
    return f"{check} ({', '.join(within)})" if within else check


def _footer(message: Message) -> tuple[str, ...]:
    reason = one_line(message.reason, 100).replace("_", " ")
    return (
        f"Sent to {one_line(message.recipient, 120)} at {absolute(message.composed_at)}: {reason}.",
        f"healthmgr, incident #{message.incident_number}, notification {message.notification_id}",
    )
