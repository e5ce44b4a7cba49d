"""One alert as people read it: every word, time and bound of its part of a message. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from healthmgr.channels.text import clean, one_line, web_address
from healthmgr.domain.check import Status
from healthmgr.domain.message import AlertFacts, Breach, ResultFacts
from healthmgr.domain.phrasing import absolute, clock_time, lasted, listing, relative, took

MOST_RESULTS = 10
FEWER_RESULTS = 5
LINE = 300
_MOST_NAMES = 12
_PARAGRAPH = 1500

INKS: Mapping[Status, str] = {
    Status.HEALTHY: "#1b7a48",
    Status.DEGRADED: "#96640a",
    Status.UNHEALTHY: "#b3261e",
    Status.UNKNOWN: "#5b6472",
}


@dataclass(frozen=True, slots=True)
class RowView:
    """One past result, phrased."""

    at: str
    status: str
    ink: str
    took: str
    message: str


@dataclass(frozen=True, slots=True)
class LinkView:
    """Somewhere to read on; `url` is "" for what is no web address, such as the name of a page in a binder."""

    label: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert, phrased. `facts` are (label, value) pairs in the order of their use at three in the morning."""

    headline: str
    status: str
    ink: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    links: tuple[LinkView, ...]
    description: str
    rows: tuple[RowView, ...]

    @property
    def newest(self) -> tuple[RowView, ...]:
        """The newest results, as many as plain text has room for."""
        return self.rows[:FEWER_RESULTS]


def alert_view(alert: AlertFacts, now: datetime, *, is_alone: bool, most_results: int) -> AlertView:
    """The alert in words. `is_alone`: the message has no other, and tells severity and beginning itself."""
    is_over = alert.resolved_at is not None
    status = "flapping" if alert.is_flapping else alert.status.value
    return AlertView(
        headline=one_line(alert.check_name, 160),
        status="resolved" if is_over else status,
        ink=INKS[Status.HEALTHY if is_over else alert.status],
        summary=one_line(alert.resolution if is_over else alert.summary, LINE),
        facts=tuple((label, value) for label, value in _facts(alert, now, is_alone=is_alone) if value),
        links=tuple(_links(alert)),
        description=clean(alert.description, _PARAGRAPH),
        rows=tuple(_row(result, now) for result in alert.last_results[:most_results]),
    )


def moment(at: datetime, now: datetime) -> str:
    """A moment in full: "2026-11-24 03:12 UTC (12 min ago)"."""
    return f"{absolute(at)} ({relative(at, now)})"


def names(given: tuple[str, ...]) -> str:
    """Names in one line, a dozen at most and the rest counted."""
    return listing([one_line(name, 80) for name in given[:_MOST_NAMES]] + [*given[_MOST_NAMES:]], _MOST_NAMES)


def _row(result: ResultFacts, now: datetime) -> RowView:
    return RowView(
        at=clock_time(result.at, now),
        status=result.status.value,
        ink=INKS[result.status],
        took=took(result.response_time),
        message=one_line(result.message, 160),
    )


def _links(alert: AlertFacts) -> Iterator[LinkView]:
    for label, text in (("Runbook", alert.runbook_url), ("Source", alert.source_url)):
        shown = one_line(text, 2000)
        if shown:
            yield LinkView(label, shown, web_address(text))
    for label, text in _annotations(alert):
        if web_address(text):
            yield LinkView(label, text, web_address(text))


def _facts(alert: AlertFacts, now: datetime, *, is_alone: bool) -> tuple[tuple[str, str], ...]:
    measured = "; ".join(_breach(breach) for breach in alert.breaches[:6])
    place = (
        ("Where", _place(alert)),
        ("Came in by", one_line(alert.origin, 80) if not alert.check_slug else ""),
        ("Labels", _pairs(alert.labels)),
        *((label, text) for label, text in _annotations(alert) if not web_address(text)),
    )
    if alert.resolved_at:
        return (
            ("Problem was", one_line(alert.summary, LINE)),
            ("Measured then", measured),
            ("Failed with it", names(alert.impacted)),
            ("Lasted", "" if is_alone else lasted(alert.resolved_at - alert.opened_at)),
            *place,
        )
    return (
        ("Measured", measured),
        ("Failing with it", names(alert.impacted)),
        ("Depends on it", names(alert.dependents)),
        ("Hangs on it", one_line(alert.hanging, LINE)),
        ("Foretold", one_line(alert.foretold, LINE)),
        ("Severity", "" if is_alone else alert.severity.value),
        ("Since", "" if is_alone else moment(alert.opened_at, now)),
        *place,
    )


def _breach(breach: Breach) -> str:
    metric = one_line(breach.metric, 80).replace("_", " ")
    return f"{metric} {one_line(breach.value, 60)}, {breach.status.value} at {one_line(breach.threshold, 60)}"


def _pairs(labels: Mapping[str, str]) -> str:
    shown = [f"{one_line(k, 60)}={one_line(v, 100)}" for k, v in islice(labels.items(), _MOST_NAMES)]
    more = f" and {len(labels) - _MOST_NAMES} more" if len(labels) > _MOST_NAMES else ""
    return ", ".join(shown) + more


def _annotations(alert: AlertFacts) -> Iterator[tuple[str, str]]:
    """What the sender of an alert wrote to it, where the message does not say it already."""
    said = {alert.foretold, alert.summary, alert.description, alert.runbook_url, alert.source_url}
    fresh = ((key, value) for key, value in alert.annotations.items() if value not in said)
    for key, value in islice(fresh, _MOST_NAMES):
        yield one_line(key, 40).replace("_", " ").capitalize(), one_line(value, LINE)


def _place(alert: AlertFacts) -> str:
    within = [
        f"{word} {one_line(name, 80)}"
        for word, name in (("service", alert.service), ("category", alert.category))
        if name
    ]
    check = one_line(alert.check_slug, 80)
    if not check:
        return ", ".join(within)
    return f"{check} ({', '.join(within)})" if within else check
