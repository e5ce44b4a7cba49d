"""The shapes in which events are read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from healthmgr.domain.webhook import Webhook
from healthmgr.views import View


class EventView(View):
    """One thing that happened. `id` is its place among all: pass it back to read on behind it.

    `data` are the facts of that moment, `labels` what filters are matched against.
    """

    id: int
    type: str
    at: datetime
    labels: dict[str, str]
    data: dict[str, Any]


class EventPage(View):
    """Events, the oldest first: pass `next_after` back as `after` to read on, now or when more has happened.

    `is_reset` says that events behind the `after` that was asked for are no longer kept, or that no event was ever
    there: what they told of has to be asked for anew.
    """

    items: list[EventView]
    next_after: int
    has_more: bool
    is_reset: bool


class WebhookView(View):
    """Who is told of events of these types (none: all) that all matchers fit, and how that goes.

    `disabled` says why it is told nothing: by_hand, answered_410 or failed_for_days; empty: it is told. `failures` are
    in a row, since `failing_since`; nothing is tried before `held_until`.
    """

    id: UUID
    url: str
    types: list[str]
    matchers: list[str]
    description: str
    is_enabled: bool
    disabled: str
    failing_since: datetime | None
    failures: int
    held_until: datetime | None
    secret_changed_at: datetime | None
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, webhook: Webhook) -> WebhookView:
        """A webhook as it is shown to admins."""
        return cls(
            id=webhook.id,
            url=webhook.url,
            types=sorted(webhook.wanted.names),
            matchers=[str(matcher) for matcher in webhook.wanted.matchers],
            description=webhook.description,
            is_enabled=webhook.is_enabled,
            disabled=webhook.disabled.value,
            failing_since=webhook.failing_since,
            failures=webhook.failures,
            held_until=webhook.held_until,
            secret_changed_at=webhook.secret_changed_at,
            created_at=webhook.created_at,
            created_by=webhook.created_by,
        )


class TryView(View):
    """One try: the HTTP status (None: no answer), what was said, and how long that took, in seconds."""

    at: datetime
    status: int | None
    words: str
    took: float


class DeliveryView(View):
    """An event on its way to a webhook. `id` is what the receiver knows it by, as `webhook-id`, at each try the same.

    `state` is pending, sending, delivered, failed or dropped; `due_at` when it is tried next.
    """

    id: UUID
    type: str
    event_id: int | None
    state: str
    reason: str
    created_at: datetime
    due_at: datetime | None
    finished_at: datetime | None
    attempts: int
    tries: list[TryView]
    body: dict[str, Any]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> DeliveryView:
        """A delivery from its row."""
        renamed = {"type": row["name"], "event_id": row["position"], "reason": row["state_reason"]}
        return cls.model_validate({**row, **renamed})
