"""Webhooks for events: who is told of which, how a delivery goes on after a try, and when one is given up on.

A delivery is one event for one webhook. Whatever is answered other than 2xx is a failure and tried again, as Standard
Webhooks asks for: an address that is wrong today may be mended tomorrow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from healthmgr.domain.event import Wanted
from healthmgr.errors import Problem

MOST_WEBHOOKS = 50
MOST_URL = 2000  # characters
MOST_DESCRIPTION = 500
MOST_WAITING = 10_000  # deliveries of one webhook; what happens beyond them is told once there is room
MOST_TRIES_KEPT = 20
AT_ONCE = 2  # deliveries to one webhook, in each worker
KEPT_FOR = timedelta(days=7)  # deliveries that are over
OLD_SECRET_SIGNS_FOR = timedelta(hours=24)
FAILS_FOR = timedelta(days=3)
_FAILS_AT_LEAST = 10
TEST = "test"

# After each try the pause before the next one: 24 hours in all.
_PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600, 36_000))
# Other deliveries wait as long as this after a failure, doubled by each one in a row, for the sake of both sides.
_FIRST_HOLD, _LONGEST_HOLD = timedelta(seconds=1), timedelta(minutes=5)
_THROTTLED_FOR = timedelta(seconds=30)
_OVERLOADED, _GONE = frozenset({429, 502, 503, 504}), 410
_PURPOSE = b"healthmgr webhook secret 1"


class Disabled(StrEnum):
    """Why a webhook is told nothing."""

    NO = ""
    BY_HAND = "by_hand"
    GONE = "answered_410"
    FAILING = "failed_for_days"


class Why(StrEnum):
    """Why a delivery waits, or is over without having been accepted."""

    NOTHING = ""
    HELD = "webhook_is_failing"
    GAVE_UP = "tried_too_long"
    DISABLED = "webhook_disabled"


class State(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is told of events. `position` is the place of the last event that was looked at for it.

    `failing_since` and `failures` count from its last success; no delivery is tried before `held_until`.
    """

    id: UUID
    url: str
    wanted: Wanted
    description: str
    created_at: datetime
    created_by: str
    position: int
    disabled: Disabled = Disabled.NO
    secret_version: int = 1
    secret_changed_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    held_until: datetime | None = None

    @property
    def place(self) -> str:
        """Its address as it may be shown anywhere: path and query may hold tokens."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_enabled(self) -> bool:
        """Whether it is told anything."""
        return self.disabled is Disabled.NO

    def secrets(self, key: str, now: datetime) -> tuple[str, ...]:
        """What its deliveries are signed with, the newest first; for a day after a change the one before as well."""
        versions = [self.secret_version]
        if self.secret_changed_at is not None and now - self.secret_changed_at < OLD_SECRET_SIGNS_FOR:
            versions.append(self.secret_version - 1)
        return tuple(secret_of(key, self.id, version) for version in versions)


def secret_of(key: str, webhook_id: UUID, version: int) -> str:
    """A webhook's secret, made out of the installation's own: so that no row holds it."""
    about = _PURPOSE + webhook_id.bytes + version.to_bytes(4, "big")
    return "whsec_" + base64.b64encode(hmac.new(key.encode(), about, hashlib.sha256).digest()).decode()


def problems_of(url: str, wanted: Wanted, description: str) -> Iterator[Problem]:
    """What is wrong with a webhook as somebody wants it, but for its address's form."""
    parts = urlsplit(url)
    if len(url) > MOST_URL:
        yield Problem(f"{MOST_URL} characters are allowed", path="url")
    if "@" in parts.netloc:
        yield Problem("leave user and password out: every delivery is signed, and rows hold no secrets", path="url")
    if len(description) > MOST_DESCRIPTION or not description.isprintable():
        yield Problem(f"{MOST_DESCRIPTION} printable characters are allowed", path="description")
    if len(wanted.matchers) > 100:
        yield Problem("100 matchers are allowed", path="matchers")


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a delivery, as it is kept: `status` is the HTTP status of the answer, None where there was none."""

    at: datetime
    status: int | None
    words: str
    took: float  # seconds

    def to_document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {"at": self.at.isoformat(), "status": self.status, "words": self.words, "took": round(self.took, 3)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Try:
        """The reverse of `to_document`."""
        at = datetime.fromisoformat(document["at"])
        return cls(at, document["status"], document["words"], document["took"])


@dataclass(frozen=True, slots=True)
class Answered:
    """What a receiver said: `status` None where it said nothing; `retry_after` is its own wish."""

    status: int | None
    words: str
    retry_after: timedelta | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether it has the event."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class After:
    """How a delivery and its webhook go on after a try: the delivery in `state`, due again at `due_at` if at all."""

    state: State
    due_at: datetime | None
    webhook: Webhook


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that a webhook is told of, `attempts` times by now. `id` is what its receiver knows it by."""

    id: UUID
    webhook_id: UUID
    name: str
    body: Mapping[str, Any]
    attempts: int
    tries: Sequence[Try] = field(default_factory=tuple)


def after_try(webhook: Webhook, answered: Answered, attempts: int, now: datetime, jitter: float) -> After:
    """What follows a try, of which `attempts` counts this one; `jitter` from 0 to 1 spreads what failed at once."""
    if answered.is_accepted:
        return After(State.DELIVERED, None, replace(webhook, failing_since=None, failures=0, held_until=None))
    failing_since = webhook.failing_since or now
    failures = webhook.failures + 1
    disabled = webhook.disabled
    if answered.status == _GONE:
        disabled = Disabled.GONE
    elif now - failing_since >= FAILS_FOR and failures >= _FAILS_AT_LEAST:
        disabled = Disabled.FAILING
    wish = answered.retry_after or (_THROTTLED_FOR if answered.status in _OVERLOADED else timedelta(0))
    hold = max(wish, min(_FIRST_HOLD * 2 ** min(failures - 1, 20), _LONGEST_HOLD))
    failing = replace(webhook, failing_since=failing_since, failures=failures, held_until=now + hold, disabled=disabled)
    if disabled is not Disabled.NO or attempts > len(_PAUSES):
        return After(State.FAILED, None, failing)
    pause = _PAUSES[attempts - 1] * (1 + jitter / 10)
    return After(State.PENDING, now + max(pause, wish), failing)
