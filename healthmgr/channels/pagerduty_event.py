"""A message as an event of PagerDuty's Events API v2: within its limits whatever the content. Pure.

Source: PagerDuty's developer documentation, "Events API v2" (overview and alert events).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal
from urllib.parse import urlsplit

from healthmgr.channels.text import clean, one_line, web_address
from healthmgr.domain.check import Severity
from healthmgr.domain.message import AlertFacts, Message, MessageKind, ResultFacts
from healthmgr.domain.phrasing import absolute, clock_time, listing, relative, took

Level = Literal["critical", "error", "warning", "info"]
Event = dict[str, Any]

LEVELS: Mapping[Severity, Level] = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
}
MOST_BYTES = 512_000
TRIMMED = "left out: with them the event would have been larger than PagerDuty takes"
_MOST_SUMMARY = 1024
_MOST_CLOSED = 20  # events; what was answered more often than that was closed on the way
_MOST_NAME, _MOST_TEXT, _MOST_PARAGRAPH = 255, 1000, 4000
_MOST_NAMES, _MOST_RESULTS, _MOST_ALERTS, _MOST_LABELS = 50, 10, 200, 200

_ACTIONS: Mapping[MessageKind, str] = {
    MessageKind.ACKNOWLEDGEMENT: "acknowledge",
    MessageKind.RESOLUTION: "resolve",
}
# Labels that name the affected system better than the check does, the best first.
_SOURCES = ("instance", "host", "hostname", "node")


def event(message: Message, levels: Mapping[Severity, Level] = LEVELS) -> Event:
    """The event, but for the routing key and the client's name.

    A trigger carries everything; an acknowledgement and a resolution only name what they are about, as PagerDuty
    wants it. Raises ValueError for a problem without any alert, of which nothing could be told.
    """
    action = _ACTIONS.get(message.kind, "trigger")
    named = {"event_action": action, "dedup_key": dedup_key(message)}
    if action != "trigger":
        return named
    if not message.alerts and message.kind is not MessageKind.DIGEST:
        raise ValueError(f"the message {message.notification_id} has no alert to tell of")
    links = [{"href": href, "text": text} for text, href in _links(message)]
    return {**named, "payload": _payload(message, levels), **({"links": links} if links else {})}


def dedup_key(message: Message) -> str:
    """What the incident is called at PagerDuty: the same in all its messages, whoever is told, so one alert there.

    Until somebody has it in hand and it is told again all the same: PagerDuty adds to an alert that is acknowledged
    there without paging anybody. From then on it is another one.
    """
    if message.is_notice:
        return f"healthmgr.notice.{message.notification_id}"
    if message.kind is MessageKind.DIGEST:
        return f"healthmgr.digest.{message.notification_id}"
    return _key_after(message, message.answers)


def closing(message: Message) -> list[Event]:
    """The events that end what the incident was called before: whoever is paged anew, or hears the end, needs it not.

    They are sent after the message's own event: at no time may PagerDuty hold the problem for solved.
    """
    is_page = _ACTIONS.get(message.kind, "trigger") == "trigger"
    if message.is_notice or message.kind in (MessageKind.ACKNOWLEDGEMENT, MessageKind.DIGEST):
        return []
    oldest = message.answers - (1 if is_page else _MOST_CLOSED)
    earlier = range(max(0, oldest), message.answers)
    return [{"event_action": "resolve", "dedup_key": _key_after(message, answers)} for answers in reversed(earlier)]


def _key_after(message: Message, answers: int) -> str:
    return f"healthmgr.incident.{message.incident_id}{f'.{answers}' if answers else ''}"


def encode(document: Event) -> tuple[bytes, bool]:
    """The event as UTF-8 JSON of at most `MOST_BYTES`, and whether its details had to be left out for that."""
    body = _dump(document)
    if len(body) <= MOST_BYTES or "payload" not in document:
        return body, False
    return _dump({**document, "payload": {**document["payload"], "custom_details": {"details": TRIMMED}}}), True


def client_url(message: Message) -> str:
    """Where the incident can be seen at ours, or ""."""
    return _address(message.links.incident) or _address(message.url)


def _dump(document: Event) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _payload(message: Message, levels: Mapping[Severity, Level]) -> Event:
    first = message.alerts[0] if message.alerts else None
    fields = {
        "summary": _summary(message),
        "source": _source(first),
        "severity": levels[message.severity],
        "timestamp": _instant(message.opened_at),
    }
    if first:
        parts = {"component": first.check_slug or first.check_name, "group": first.service, "class": first.category}
        fields |= {name: one_line(value, _MOST_NAME) for name, value in parts.items() if one_line(value, _MOST_NAME)}
    return {**fields, "custom_details": dict(_details(message))}


def _summary(message: Message) -> str:
    test = "Test: " if message.is_test else ""
    number = "" if message.is_notice else f" (#{message.incident_number})"
    title = f"{test}{one_line(message.title, 400)}{number}"
    tells_of_one = message.alerts and message.kind is not MessageKind.DIGEST
    said = one_line(message.alerts[0].summary, 600) if tells_of_one else ""
    return one_line(f"{title}: {said}" if said else title, _MOST_SUMMARY)


def _source(alert: AlertFacts | None) -> str:
    """The affected system; there is always one, since PagerDuty refuses an event without."""
    labels = [alert.labels.get(name, "") for name in _SOURCES] if alert else []
    names = [alert.check_slug, alert.check_name] if alert else []
    return next(filter(None, (one_line(name, _MOST_NAME) for name in [*labels, *names])), "healthmgr")


def _links(message: Message) -> Iterator[tuple[str, str]]:
    """What each address is, and the address; only those that can be followed."""
    first = message.alerts[0] if message.alerts else None
    number = f"incident #{message.incident_number}"
    found = (
        *((choice.label, choice.address) for choice in message.choices),
        (f"Open {number}", message.links.incident or message.url),
        (f"Acknowledge {number} in healthmgr too", message.links.acknowledge),
        ("Silence", message.links.silence),
        ("Runbook", first.runbook_url if first else ""),
        ("Source", first.source_url if first else ""),
    )
    return ((text, _address(href)) for text, href in found if _address(href))


def _address(text: str) -> str:
    address = web_address(text)
    try:
        has_host = bool(urlsplit(address).hostname)
    except ValueError:  # brackets without an IPv6 address between them
        has_host = False
    return address if has_host and address.isascii() else ""


def _details(message: Message) -> Iterator[tuple[str, Any]]:
    """Label and value, in the order of their use; nothing that is empty."""
    now = message.composed_at
    first = message.alerts[0] if message.alerts else None
    yield "Incident", message.incident_number  # 0 is left out: a notice is about none
    yield "Since", f"{absolute(message.opened_at)} ({relative(message.opened_at, now)})"
    facts: Iterable[tuple[str, Any]] = (
        ("Reason", one_line(message.reason, _MOST_NAME).replace("_", " ")),
        ("Said", _text(message.said)),
        ("Roles", [one_line(role, _MOST_NAME) for role in message.roles[:_MOST_NAMES]]),
        ("Reminder", message.round),
        *(_alert_details(first, now) if first else ()),
        ("Further alerts", _others(message)),
        ("Held back", _bounded(_held_back(message), _MOST_ALERTS, len(message.held_back))),
        ("May come from", [_text(cause) for cause in message.causes[:_MOST_NAMES]]),
        ("Changed at that time", [f"{clock_time(c.at, now)} {_text(c.what)}" for c in message.changes[:_MOST_NAMES]]),
        ("Told", listing([one_line(name, _MOST_NAME) for name in message.told[:1000]], _MOST_NAMES)),
        ("Acknowledge", one_line(message.how_to_acknowledge, _MOST_TEXT)),
    )
    yield from ((label, value) for label, value in facts if value)


def _alert_details(alert: AlertFacts, now: datetime) -> Iterator[tuple[str, Any]]:
    yield "Summary", _text(alert.summary)
    yield "Check", one_line(alert.check_slug or alert.check_name, _MOST_NAME)
    yield "Status", "flapping" if alert.is_flapping else alert.status.value
    yield (
        "Measured",
        [
            one_line(f"{b.metric} {b.value}, {b.status.value} at {b.threshold}", _MOST_TEXT)
            for b in alert.breaches[:_MOST_NAMES]
        ],
    )
    yield "Failing with it", listing([one_line(slug, _MOST_NAME) for slug in alert.impacted], _MOST_NAMES)
    yield "Depends on it", listing([one_line(slug, _MOST_NAME) for slug in alert.dependents], _MOST_NAMES)
    yield "Hangs on it", alert.hanging
    yield "Foretold", _text(alert.foretold)
    yield "Last results", [_result(result, now) for result in alert.last_results[:_MOST_RESULTS]]
    yield "Labels", _pairs(alert.labels)
    yield "Annotations", _pairs(alert.annotations)
    yield "Came in through", one_line(alert.origin, _MOST_NAME)
    yield "Description", clean(alert.description, _MOST_PARAGRAPH)
    # The links hold it where it is an address; it may be a sentence, too.
    yield "Runbook", "" if _address(alert.runbook_url) else _text(alert.runbook_url)


def _result(result: ResultFacts, now: datetime) -> str:
    said = f"{result.status.value}, {took(result.response_time)}, {_text(result.message)}"
    return f"{clock_time(result.at, now)} {said}".removesuffix(", ")


def _others(message: Message) -> list[str]:
    others = message.alerts[1:]
    lines = (
        f"{one_line(a.check_name, _MOST_NAME)} is {'resolved' if a.resolved_at else a.status.value}: {_text(a.summary)}"
        for a in others
    )
    return _bounded(lines, _MOST_ALERTS, len(others))


def _held_back(message: Message) -> Iterator[str]:
    for held in message.held_back:
        over = ", resolved" if held.is_resolved and not held.title.startswith("Resolved") else ""
        yield f"#{held.incident_number} {_text(held.title)}, since {absolute(held.opened_at)}{over}"


def _bounded(lines: Iterable[str], most: int, length: int) -> list[str]:
    shown = [*islice(lines, most)]
    return [*shown, f"and {length - most} more"] if length > most else shown


def _pairs(values: Mapping[str, str]) -> dict[str, str]:
    return {one_line(k, _MOST_NAME): _text(v) for k, v in islice(values.items(), _MOST_LABELS)}


def _text(text: str) -> str:
    return one_line(text, _MOST_TEXT)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
