"""PagerDuty's door for events, strict about its published rules."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from werkzeug import Request, Response

_FIELDS = {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}
_PARTS = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}
_ADDRESS = re.compile(r"https?://[!-~]+")


def faults(document: Any) -> list[str]:
    """What PagerDuty's published rules find wrong with an event."""
    payload, action = document.get("payload"), document.get("event_action")
    links = document.get("links", [])
    found = [
        ("unknown field", bool(set(document) - _FIELDS)),
        ("Length of 'routing_key' is incorrect (should be 32 characters)", len(document.get("routing_key", "")) != 32),
        ("'event_action' is missing or wrong", action not in ("trigger", "acknowledge", "resolve")),
        ("'dedup_key' is missing or too long", not 1 <= len(document.get("dedup_key", "")) <= 255),
        ("'payload' is missing", action == "trigger" and not payload),
        ("a link leads nowhere", not all(_ADDRESS.fullmatch(link["href"]) for link in links)),
        ("a link has no text", not all(link["text"] for link in links)),
        ("'client_url' is no address", not _ADDRESS.fullmatch(document.get("client_url", "https://x"))),
    ]
    if payload:
        found += [
            ("unknown field of 'payload'", bool(set(payload) - _PARTS)),
            ("'payload.summary' is missing or too long", not 1 <= len(payload.get("summary", "")) <= 1024),
            ("'payload.source' is missing", not payload.get("source")),
            ("'payload.severity' is wrong", payload.get("severity") not in ("critical", "error", "warning", "info")),
            ("'payload.timestamp' has no zone", datetime.fromisoformat(payload["timestamp"]).tzinfo is None),
            ("a field is no text", not all(isinstance(payload.get(n, ""), str) for n in _PARTS - {"custom_details"})),
            ("'payload.custom_details' is no object", not isinstance(payload.get("custom_details", {}), dict)),
        ]
    return [words for words, is_so in found if is_so]


def strict(request: Request) -> Response:
    """PagerDuty as it is documented."""
    body = request.get_data()
    document = json.loads(body)
    wrong = faults(document)
    if request.headers["Content-Type"] != "application/json" or len(body) > 512 * 1024:
        wrong.append("not JSON of at most 512 KB")
    if wrong:
        answer = {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
        return Response(json.dumps(answer), 400)
    answer = {"status": "success", "message": "Event processed", "dedup_key": document["dedup_key"]}
    return Response(json.dumps(answer), 202)
