"""A Message as the JSON that Alertmanager POSTs (webhook version 4), for receivers that were written for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from healthmgr.channels.payload import instant, require_content
from healthmgr.channels.text import clean, one_line, web_address
from healthmgr.domain.message import AlertFacts, HeldBack, Message, MessageKind

# Alertmanager itself knows no bound; this one is what its receivers are commonly willing to read.
MOST_BYTES = 500_000
_ALERT_COUNTS = (500, 100, 20, 5, 1)
# One alert, whose labels and annotations are told twice (they are the common ones, too), always fits.
_MOST_LABELS, _MOST_VALUE, _MOST_ANNOTATIONS, _MOST_TEXT, _MOST_NAME = 40, 300, 20, 1500, 100
_NOT_OVER = "0001-01-01T00:00:00Z"
_FNV_START, _FNV_PRIME, _FNV_SIZE = 0xCBF29CE484222325, 0x100000001B3, 1 << 64


def encode_for_alertmanager(message: Message) -> bytes:
    """The body as UTF-8 JSON, less than 500 kB; `truncatedAlerts` counts the alerts that did not fit.

    A digest's held-back incidents become one alert each. Raises ValueError for a message without content.
    """
    require_content(message)
    alerts = _alerts(message)
    body = b""
    for most in _ALERT_COUNTS:
        body = json.dumps(_document(message, alerts, most), ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) < MOST_BYTES:
            break
    return body


def fingerprint(labels: Mapping[str, str]) -> str:
    """The labels' identity, in 16 hexadecimal digits, reckoned as Prometheus does: FNV-1a, 64 bits.

    Over names in order, each name and each value followed by the byte 255, which no UTF-8 text holds.
    """
    found = _FNV_START
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            found = (found ^ byte) * _FNV_PRIME % _FNV_SIZE
    return f"{found:016x}"


def _document(message: Message, alerts: Sequence[Mapping[str, Any]], most: int) -> dict[str, Any]:
    common = _common([alert["labels"] for alert in alerts])
    return {
        "version": "4",
        "groupKey": str(message.incident_id),
        "truncatedAlerts": max(0, len(alerts) - most) + message.more_alerts,
        "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
        "receiver": one_line(message.recipient, _MOST_NAME),
        "groupLabels": {name: value for name, value in common.items() if name == "alertname"},
        "commonLabels": common,
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": _base(message.links.incident or message.url),
        "notification_reason": one_line(message.reason, 100).replace("_", " "),
        "alerts": alerts[:most],
    }


def _alerts(message: Message) -> list[dict[str, Any]]:
    if message.kind is MessageKind.DIGEST:
        return [_held_back(each, message) for each in message.held_back]
    is_over = message.kind is MessageKind.RESOLUTION
    return [_alert(alert, message, is_over=is_over or alert.resolved_at is not None) for alert in message.alerts]


def _alert(alert: AlertFacts, message: Message, *, is_over: bool) -> dict[str, Any]:
    labels = _texts(_labels(alert), _MOST_LABELS, lambda text: one_line(text, _MOST_VALUE))
    told = {"summary": alert.summary, "description": alert.description, "runbook_url": alert.runbook_url,
            "resolution": alert.resolution if is_over else ""}  # fmt: skip
    ended_at = alert.resolved_at or message.composed_at
    return {
        "status": "resolved" if is_over else "firing",
        "labels": labels,
        "annotations": _texts({**told, **alert.annotations}, _MOST_ANNOTATIONS, lambda text: clean(text, _MOST_TEXT)),
        "startsAt": instant(alert.opened_at),
        "endsAt": instant(ended_at) if is_over else _NOT_OVER,
        "generatorURL": web_address(alert.source_url) or web_address(message.url),
        "fingerprint": fingerprint(labels),
    }


def _labels(alert: AlertFacts) -> Mapping[str, str]:
    """What identifies the alert. One that came in through a door keeps the labels that it came with, and no others."""
    name = {"alertname": alert.check_name}
    if not alert.check_slug:
        return {**name, **alert.labels}
    place = {"check": alert.check_slug, "service": alert.service, "category": alert.category}
    return {**name, **place, "severity": alert.severity.value, **alert.labels}


def _held_back(each: HeldBack, message: Message) -> dict[str, Any]:
    title = one_line(each.title, 300)
    # Not the alert's own name: what is held back must not be taken for, or closed as, the alert itself.
    labels = {"alertname": "HeldBackIncident", "incident": str(each.incident_number), "severity": each.severity.value}
    return {
        "status": "resolved" if each.is_resolved else "firing",
        "labels": labels,
        "annotations": {"summary": title},
        "startsAt": instant(each.opened_at),
        "endsAt": instant(message.composed_at) if each.is_resolved else _NOT_OVER,
        "generatorURL": web_address(message.url),
        "fingerprint": fingerprint(labels),
    }


def _texts(values: Mapping[str, str], most: int, bounded: Callable[[str], str]) -> dict[str, str]:
    """What is not empty, bounded, and at most so many: to Alertmanager an empty label is none."""
    kept = ((one_line(name, _MOST_NAME), bounded(value)) for name, value in values.items())
    return dict(islice(((name, value) for name, value in kept if name and value), most))


def _common(all_values: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = all_values
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}


def _base(url: str) -> str:
    try:
        parts = urlsplit(web_address(url))
    except ValueError:  # brackets that do not hold an IPv6 address
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
