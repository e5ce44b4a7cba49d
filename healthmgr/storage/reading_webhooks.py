"""What webhooks were told, newest first."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Engine, select

from healthmgr.domain.webhook import State
from healthmgr.errors import NotFound
from healthmgr.storage.paging import bounded, page, seal, unseal
from healthmgr.storage.tables import webhook_deliveries
from healthmgr.storage.transactions import transaction
from healthmgr.views import Page
from healthmgr.views_events import DeliveryView


class WebhookReading:
    """Questions about deliveries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def deliveries(
        self, webhook_id: UUID, *, state: State | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[DeliveryView]:
        """The deliveries of a webhook, as far back as they are kept; none where there is no such webhook."""
        table = webhook_deliveries.c
        query = select(webhook_deliveries).where(table.webhook_id == webhook_id)
        query = query.order_by(table.id.desc()).limit(bounded(limit) + 1)
        if state is not None:
            query = query.where(table.state == state.value)
        if cursor:
            query = query.where(table.id < unseal(cursor, UUID)[0])
        with transaction(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return page(rows, limit, lambda row: DeliveryView.of(dict(row)), lambda row: seal(row["id"]))

    def delivery(self, webhook_id: UUID, delivery_id: UUID) -> DeliveryView:
        """One of them. Raises NotFound."""
        table = webhook_deliveries.c
        query = select(webhook_deliveries).where(table.webhook_id == webhook_id, table.id == delivery_id)
        with transaction(self._engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFound(f"This webhook has no delivery {delivery_id}")
        return DeliveryView.of(dict(row))
