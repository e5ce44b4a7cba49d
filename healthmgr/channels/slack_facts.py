"""The facts of a message in the small pieces that Slack shows: fields, rows of results, the other alerts."""

from __future__ import annotations

from collections.abc import Iterator

from healthmgr.channels.slack_text import escaped
from healthmgr.channels.text import one_line
from healthmgr.domain.message import AlertFacts, Message, MessageKind, ResultFacts
from healthmgr.domain.phrasing import absolute, clock_time, lasted, listing, relative, span, took

_FIELD = 300
_MOST_RESULTS, _MOST_BREACHES, _MOST_OTHERS, _MOST_NAMES = 5, 5, 12, 8


def fields(message: Message) -> Iterator[tuple[str, str]]:
    """Label and value, ready to be shown, in the order of their use; at most ten of them can be."""
    alert, is_over = message.alerts[0], message.kind is MessageKind.RESOLUTION
    yield ("Severity was" if is_over else "Severity"), message.severity.value
    yield ("Lasted", lasted_from_to(message)) if is_over else ("Since", _since(message))
    facts = (
        ("Service", alert.service),
        ("Check", alert.check_slug),
        ("From", "" if alert.check_slug else alert.origin),
        ("Measured then" if is_over else "Measured", _measured(alert)),
        ("Problem was", alert.summary if is_over else ""),
        ("Failed with it" if is_over else "Failing with it", listing(alert.impacted, _MOST_NAMES)),
        ("Depends on it", "" if is_over else alert.hanging or listing(alert.dependents, _MOST_NAMES)),
        ("Foretold", alert.foretold),
        ("Labels", ", ".join(f"{name}={value}" for name, value in [*alert.labels.items()][:_MOST_NAMES])),
        ("Annotations", _annotations(alert)),
    )
    yield from ((label, escaped(one_line(value, _FIELD), _FIELD)) for label, value in facts if value)


def lasted_from_to(message: Message) -> str:
    """How long the incident lasted, and from when to when."""
    ended = max((alert.resolved_at for alert in message.alerts if alert.resolved_at), default=message.composed_at)
    return f"{lasted(ended - message.opened_at)}: {span(message.opened_at, ended)}"


def result_rows(message: Message) -> list[str]:
    """The last results of the first alert, a line each."""
    return [_row(result, message) for result in message.alerts[0].last_results[:_MOST_RESULTS]]


def others(message: Message) -> Iterator[str]:
    """The incident's other alerts, a line each, the last line counting what is left out."""
    rest = message.alerts[1:]
    for alert in rest[:_MOST_OTHERS]:
        is_over = alert.resolved_at is not None
        status = "resolved" if is_over else "flapping" if alert.is_flapping else alert.status.value
        said = one_line(alert.resolution if is_over else alert.summary, 80)
        yield f"• *{escaped(one_line(alert.check_name, 50), 70)}* is {status}: {escaped(said, 100)}"
    left_out = max(0, len(rest) - _MOST_OTHERS) + message.more_alerts
    if left_out:
        yield f"and {left_out} more"


def _since(message: Message) -> str:
    return f"{absolute(message.opened_at)} ({relative(message.opened_at, message.composed_at)})"


def _measured(alert: AlertFacts) -> str:
    return "; ".join(
        f"{breach.metric.replace('_', ' ')} {breach.value} ({breach.status.value} at {breach.threshold})"
        for breach in alert.breaches[:_MOST_BREACHES]
    )


def _annotations(alert: AlertFacts) -> str:
    # What became the summary and the runbook is told as such already.
    told = {"summary", "description", "runbook_url", "foretold"}
    kept = [(name, value) for name, value in alert.annotations.items() if name not in told]
    return ", ".join(f"{name}: {value}" for name, value in kept[:_MOST_NAMES])


def _row(result: ResultFacts, message: Message) -> str:
    took_so_long = took(result.response_time)
    at = clock_time(result.at, message.composed_at)
    return f"{at} · {result.status.value} · {took_so_long} · {escaped(one_line(result.message, 160), 300)}"
