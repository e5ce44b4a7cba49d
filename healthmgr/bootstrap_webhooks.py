"""Telling webhooks of events, put together."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from healthmgr.channels.event_webhook import check_address, post_event
from healthmgr.services.relaying import Relaying
from healthmgr.services.webhooks import Webhooks
from healthmgr.storage.reading_webhooks import WebhookReading
from healthmgr.storage.relaying_rows import RelayingRows
from healthmgr.storage.transactions import Transactions
from healthmgr.storage.webhook_rows import WebhookRows


@dataclass(frozen=True, slots=True)
class Hooks:
    """The use cases of webhooks."""

    keeping: Webhooks
    relaying: Relaying
    reading: WebhookReading


def build_webhooks(engine: Engine, secret_key: str) -> Hooks:
    """The parts over one database."""
    return Hooks(
        keeping=Webhooks(Transactions(engine, WebhookRows), check_address, secret_key),
        relaying=Relaying(Transactions(engine, RelayingRows), post_event, secret_key),
        reading=WebhookReading(engine),
    )
