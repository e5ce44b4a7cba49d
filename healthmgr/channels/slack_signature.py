"""What Slack sends when somebody presses a button: is it from Slack, and what is wanted? Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from healthmgr.channels.slack_buttons import Action
from healthmgr.channels.text import one_line

_VERSION = "v0"
_TOLERANCE = 300  # seconds that a request may be old, or ahead of us: Slack's own advice
_MOST_NAME, _MOST_URL = 120, 2000
_SLACK = ".slack.com"


@dataclass(frozen=True, slots=True)
class Interaction:
    """A button that a person pressed. `response_url` takes an answer for half an hour; it is a secret, or "".

    `subject_id` is the incident, or the approval where a runbook's question is answered.
    """

    action: Action
    subject_id: UUID
    user_id: str
    user_name: str
    response_url: str


def verify(signing_secret: str, timestamp: str, body: bytes, signature: str, now: datetime) -> bool:
    """Whether Slack sent this body: X-Slack-Signature fits it and X-Slack-Request-Timestamp, which is not stale.

    In constant time, and False for anything malformed. Without a signing secret nothing is from Slack.
    """
    if not signing_secret or not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    if abs(now.timestamp() - int(timestamp)) > _TOLERANCE:
        return False
    signed = f"{_VERSION}:{timestamp}:".encode() + body
    expected = hmac.new(signing_secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"{_VERSION}={expected}".encode(), signature.encode("utf-8", "replace"))


def parse_interaction(payload: str) -> Interaction | None:
    """The form field `payload` of a verified request; None when it asks nothing of us, such as a link that was opened.

    Raises ValueError, without repeating the payload, when it is not what Slack sends.
    """
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        raise ValueError("the payload is not JSON") from None
    if not isinstance(document, Mapping):
        raise ValueError("the payload is not an object")  # noqa: TRY004 - one error for all that is not Slack's
    if document.get("type") != "block_actions":
        return None
    pressed = document.get("actions")
    first = pressed[0] if isinstance(pressed, list) and pressed else None
    user = document.get("user")
    if not isinstance(first, Mapping) or not isinstance(user, Mapping):
        raise ValueError("the payload names no action and no user")  # noqa: TRY004
    action = next((each for each in Action if each.action_id == first.get("action_id")), None)
    if action is None:
        return None
    return Interaction(
        action=action,
        subject_id=_subject(first.get("value")),
        user_id=_text(user, "id"),
        user_name=_text(user, "username") or _text(user, "name") or _text(user, "id"),
        response_url=_response_url(document.get("response_url")),
    )


def _subject(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise ValueError("the button names no incident and no approval") from None


def _text(user: Mapping[str, Any], name: str) -> str:
    return one_line(str(user.get(name) or ""), _MOST_NAME)


def _response_url(value: Any) -> str:
    """Only an address at Slack: a forged one would have us POST to where somebody else likes."""
    if not isinstance(value, str) or len(value) > _MOST_URL:
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme == "https" and (parts.hostname or "").endswith(_SLACK) else ""
