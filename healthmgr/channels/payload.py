"""A Message as the JSON body of a webhook: versioned, and always smaller than receivers take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from math import isfinite
from typing import Any

from healthmgr.channels.text import clean, one_line, web_address
from healthmgr.domain.message import AlertFacts, HeldBack, Message, MessageKind

VERSION = 1
MOST_BYTES = 20_000
_MOST_NAME = 200
# An address that acts carries a signature: it is told whole or not at all.
_MOST_LINK = 500


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How much of a message is told: characters of a text, and how many of each list."""

    text: int
    results: int
    names: int
    labels: int
    alerts: int


# Tried in this order until the body is small enough; the last one always is.
_NARROWER = (
    _Bounds(text=2000, results=20, names=100, labels=50, alerts=50),
    _Bounds(text=500, results=5, names=30, labels=20, alerts=50),
    _Bounds(text=300, results=1, names=10, labels=10, alerts=20),
    _Bounds(text=200, results=1, names=5, labels=5, alerts=5),
    _Bounds(text=80, results=0, names=3, labels=3, alerts=1),
)


def encode(message: Message) -> bytes:
    """The body as UTF-8 JSON, less than 20 kB; `data.trimmed` names the lists that are not whole.

    Raises ValueError for a message without any alert, of which nothing could be told.
    """
    require_content(message)
    body = b""
    for bounds in _NARROWER:
        body = json.dumps(_document(message, bounds), ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) < MOST_BYTES:
            break
    return body


def require_content(message: Message) -> None:
    """Raises ValueError for a message without any alert, unless it is a digest that tells of incidents."""
    if not message.alerts and not (message.kind is MessageKind.DIGEST and message.held_back):
        raise ValueError(f"the message {message.notification_id} has no alert to tell of")


def _document(message: Message, bounds: _Bounds) -> dict[str, Any]:
    return {
        "type": "notice" if message.is_notice else f"incident.{message.kind.value}",
        "version": VERSION,
        "timestamp": instant(message.composed_at),
        "data": {
            "notification_id": str(message.notification_id),
            "reason": one_line(message.reason, 100),
            "title": one_line(message.title, min(bounds.text, 300)),
            "round": message.round,
            "recipient": one_line(message.recipient, min(bounds.text, 200)),
            "actor": one_line(message.actor, min(bounds.text, 200)),
            "words": one_line(message.words, bounds.text),
            "is_test": message.is_test,
            "incident": {
                "id": str(message.incident_id),
                "number": message.incident_number,
                "severity": message.severity.value,
                "opened_at": instant(message.opened_at),
                "url": one_line(message.url, bounds.text),
            },
            "how_to_acknowledge": one_line(message.how_to_acknowledge, bounds.text),
            "links": {
                "incident": _link(message.links.incident),
                "acknowledge": _link(message.links.acknowledge),
                "silence": _link(message.links.silence),
            },
            "choices": [{"label": each.label, "address": _link(each.address)} for each in message.choices],
            "approval": {"id": str(message.approval.approval_id), "number": message.approval.number}
            if message.approval
            else None,
            "roles": [one_line(each, min(bounds.text, _MOST_NAME)) for each in message.roles[: bounds.names]],
            "told": [one_line(each, min(bounds.text, _MOST_NAME)) for each in message.told[: bounds.names]],
            "changes": [
                {"at": instant(change.at), "what": one_line(change.what, min(bounds.text, 300))}
                for change in message.changes[: bounds.results]
            ],
            "causes": [one_line(cause, bounds.text) for cause in message.causes[: bounds.names]],
            "held_back": [_held_back(each, bounds) for each in message.held_back[: bounds.alerts]],
            "held_back_count": len(message.held_back),
            "alerts": [_alert(alert, bounds) for alert in message.alerts[: bounds.alerts]],
            "alert_count": len(message.alerts) + message.more_alerts,
            "trimmed": _trimmed(message, bounds),
        },
    }


def _alert(alert: AlertFacts, bounds: _Bounds) -> dict[str, Any]:
    most, name = bounds.text, min(bounds.text, _MOST_NAME)
    return {
        "id": str(alert.id),
        "check": one_line(alert.check_slug, name),
        "check_name": one_line(alert.check_name, name),
        "service": one_line(alert.service, name),
        "category": one_line(alert.category, name),
        "severity": alert.severity.value,
        "status": alert.status.value,
        "is_flapping": alert.is_flapping,
        "summary": one_line(alert.summary, most),
        "description": clean(alert.description, most),
        "runbook_url": one_line(alert.runbook_url, most),
        "origin": one_line(alert.origin, name),
        "source_url": one_line(alert.source_url, most),
        "labels": {one_line(k, name): one_line(v, name) for k, v in islice(alert.labels.items(), bounds.labels)},
        "annotations": {
            one_line(k, name): one_line(v, min(most, 500)) for k, v in islice(alert.annotations.items(), bounds.labels)
        },
        "opened_at": instant(alert.opened_at),
        "resolved_at": instant(alert.resolved_at) if alert.resolved_at else None,
        "resolution": one_line(alert.resolution, most),
        "breaches": [
            {
                "metric": one_line(breach.metric, name),
                "value": one_line(breach.value, name),
                "threshold": one_line(breach.threshold, name),
                "status": breach.status.value,
            }
            for breach in alert.breaches[: bounds.names]
        ],
        "last_results": [
            {
                "at": instant(result.at),
                "status": result.status.value,
                "message": one_line(result.message, most),
                "response_time": result.response_time if isfinite(result.response_time) else None,
            }
            for result in alert.last_results[: bounds.results]
        ],
        "dependents": [one_line(slug, name) for slug in alert.dependents[: bounds.names]],
        "impacted": [one_line(slug, name) for slug in alert.impacted[: bounds.names]],
        "hanging": alert.hanging,
        "foretold": one_line(alert.foretold, most),
    }


def _held_back(each: HeldBack, bounds: _Bounds) -> dict[str, Any]:
    return {
        "incident_number": each.incident_number,
        "severity": each.severity.value,
        "title": one_line(each.title, min(bounds.text, 300)),
        "opened_at": instant(each.opened_at),
        "is_resolved": each.is_resolved,
    }


def _link(address: str) -> str:
    whole = web_address(address)
    return whole if whole.isascii() and len(whole) <= _MOST_LINK else ""


def _trimmed(message: Message, bounds: _Bounds) -> list[str]:
    alerts = message.alerts
    lengths: Mapping[str, tuple[int, int]] = {
        "alerts": (len(alerts) + message.more_alerts, min(len(alerts), bounds.alerts)),
        "last_results": (max((len(a.last_results) for a in alerts), default=0), bounds.results),
        "dependents": (max((len(a.dependents) for a in alerts), default=0), bounds.names),
        "impacted": (max((len(a.impacted) for a in alerts), default=0), bounds.names),
        "breaches": (max((len(a.breaches) for a in alerts), default=0), bounds.names),
        "labels": (max((len(a.labels) for a in alerts), default=0), bounds.labels),
        "annotations": (max((len(a.annotations) for a in alerts), default=0), bounds.labels),
        "told": (len(message.told), bounds.names),
        "changes": (len(message.changes), bounds.results),
        "held_back": (len(message.held_back), bounds.alerts),
    }
    return [name for name, (length, most) in lengths.items() if length > most]


def instant(at: datetime) -> str:
    """The time as RFC 3339 in UTC, such as "2026-11-24T03:12:05Z"."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
