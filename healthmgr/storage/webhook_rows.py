"""Webhooks and their deliveries as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, func, insert, select, text, update
from uuid_utils.compat import uuid7

from healthmgr.domain.event import Wanted
from healthmgr.domain.webhook import Disabled, State, Webhook, Why
from healthmgr.services.webhooks import Ordered, WebhookTransaction
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.event_repository import read_last_position
from healthmgr.storage.muting_rows import to_matchers
from healthmgr.storage.tables import webhook_deliveries, webhooks

# Whoever adds one looks how many there are: two at once would both find room.
_ALONE = text("LOCK TABLE webhooks IN SHARE ROW EXCLUSIVE MODE")


class WebhookRows(WebhookTransaction):
    """The rows of one transaction about webhooks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock_all(self) -> None:
        self._connection.execute(_ALONE)

    def webhooks(self) -> Sequence[Webhook]:
        query = select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)
        return [to_webhook(row) for row in self._connection.execute(query)]

    def webhook(self, webhook_id: UUID, *, will_change: bool = False) -> Webhook | None:
        query = select(webhooks).where(webhooks.c.id == webhook_id)
        row = self._connection.execute(query.with_for_update() if will_change else query).one_or_none()
        return to_webhook(row) if row is not None else None

    def last_position(self) -> int:
        return read_last_position(self._connection)

    def add(self, webhook: Webhook) -> None:
        self._connection.execute(insert(webhooks).values(id=webhook.id, **to_values(webhook)))

    def change(self, webhook: Webhook) -> None:
        write_webhook(self._connection, webhook)

    def drop_waiting(self, webhook_id: UUID, now: datetime) -> None:
        drop_waiting(self._connection, webhook_id, now)

    def remove(self, webhook_id: UUID) -> None:
        self._connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))

    def order(self, webhook_id: UUID, name: str, body: dict[str, Any], now: datetime) -> UUID:
        delivery_id = uuid7()
        values = {"id": delivery_id, "webhook_id": webhook_id, "name": name, "body": body, "state": State.PENDING.value}
        self._connection.execute(insert(webhook_deliveries).values(**values, created_at=now, due_at=now))
        return delivery_id

    def delivery(self, webhook_id: UUID, delivery_id: UUID) -> Ordered | None:
        table = webhook_deliveries.c
        query = select(table.id, table.state, table.name)
        query = query.where(table.id == delivery_id, table.webhook_id == webhook_id).with_for_update()
        row = self._connection.execute(query).one_or_none()
        return Ordered(row.id, State(row.state), row.name) if row is not None else None

    def order_again(self, delivery_id: UUID, now: datetime) -> None:
        table = webhook_deliveries.c
        again = {
            "state": State.PENDING.value, "state_reason": Why.NOTHING.value, "due_at": now, "lease_until": None,
            "token": table.token + 1, "attempts": 0, "finished_at": None, "armed_until": None, "arm_count": 0,
        }  # fmt: skip
        self._connection.execute(update(webhook_deliveries).where(table.id == delivery_id).values(**again))

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)


def drop_waiting(connection: Connection, webhook_id: UUID, now: datetime) -> None:
    """Give up what a webhook that is told nothing any more has not accepted yet."""
    table = webhook_deliveries.c
    dropped = {"state": State.DROPPED.value, "state_reason": Why.DISABLED.value, "due_at": None, "lease_until": None}
    query = update(webhook_deliveries).where(table.webhook_id == webhook_id, table.due_at.is_not(None))
    connection.execute(query.values(**dropped, token=table.token + 1, finished_at=now))


def count_waiting(connection: Connection, webhook_id: UUID) -> int:
    """How many deliveries of a webhook are not over."""
    table = webhook_deliveries.c
    query = select(func.count()).where(table.webhook_id == webhook_id, table.due_at.is_not(None))
    return int(connection.execute(query).scalar_one())


def write_webhook(connection: Connection, webhook: Webhook) -> None:
    """Write all that may change of a webhook."""
    connection.execute(update(webhooks).where(webhooks.c.id == webhook.id).values(**to_values(webhook)))


def to_values(webhook: Webhook) -> dict[str, Any]:
    """A webhook's columns, without its id."""
    return {
        "url": webhook.url,
        "names": sorted(webhook.wanted.names),
        "matchers": [matcher.to_document() for matcher in webhook.wanted.matchers],
        "description": webhook.description,
        "disabled": webhook.disabled.value,
        "secret_version": webhook.secret_version,
        "secret_changed_at": webhook.secret_changed_at,
        "position": webhook.position,
        "failing_since": webhook.failing_since,
        "failures": webhook.failures,
        "held_until": webhook.held_until,
        "created_at": webhook.created_at,
        "created_by": webhook.created_by,
    }


def to_webhook(row: Any) -> Webhook:
    """A webhook from its row."""
    known = {name: value for name, value in row._mapping.items() if name not in ("names", "matchers", "disabled")}
    wanted = Wanted(frozenset(row.names), to_matchers(row.matchers))
    return Webhook(**known, wanted=wanted, disabled=Disabled(row.disabled))
