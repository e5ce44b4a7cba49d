"""Webhooks: who else is told of what happens, for admins."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.checks import Cursor, Limit
from healthmgr.api.idempotency import holds_secret
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Admin, Origin
from healthmgr.domain.event import NAMES
from healthmgr.domain.silence import MOST_MATCHERS
from healthmgr.domain.webhook import MOST_DESCRIPTION, MOST_URL, State
from healthmgr.services.webhooks import Wish
from healthmgr.views import Page
from healthmgr.views_events import DeliveryView, WebhookView

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

Url = Annotated[
    str,
    Field(
        max_length=MOST_URL, examples=["https://hooks.example.com/healthmgr"],
        description="Where events are POSTed to, over http or https; no redirect is followed.",
    ),
]  # fmt: skip
Types = Annotated[
    list[str],
    Field(
        max_length=len(NAMES), examples=[["incident_opened", "incident_resolved"]],
        description=f"Of events; none: all. There are {', '.join(NAMES)}.",
    ),
]  # fmt: skip
Matchers = Annotated[
    list[Annotated[str, Field(max_length=20_000)]],
    Field(
        max_length=MOST_MATCHERS, examples=[["service=shop"]],
        description="What the labels of an event have to be like; all of them have to fit.",
    ),
]  # fmt: skip
Description = Annotated[str, Field(max_length=MOST_DESCRIPTION, examples=["The shop's own board"])]


class NewWebhook(BaseModel):
    """The webhook that is wanted."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    types: Types = []
    matchers: Matchers = []
    description: Description = ""
    is_enabled: bool = True


class ChangedWebhook(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = None
    types: Types | None = None
    matchers: Matchers | None = None
    description: Description | None = None
    is_enabled: bool | None = None


class CreatedWebhook(BaseModel):
    """A new webhook: `secret` is shown here and never again."""

    webhook: WebhookView
    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])


class NewSecret(BaseModel):
    """A new secret, shown here and never again; for a day the one before signs as well."""

    secret: str


class WebhookList(BaseModel):
    """Webhooks, the oldest first."""

    items: list[WebhookView]


@router.get("", summary="List webhooks")
def list_webhooks(parts: PartsDep, _: Admin) -> WebhookList:
    """And how it goes with each."""
    return WebhookList(items=[WebhookView.of(webhook) for webhook in parts.webhooks.keeping.list()])


@router.post("", status_code=201, summary="Have a program told of events", dependencies=[Depends(holds_secret)])
def add_webhook(wanted: NewWebhook, parts: PartsDep, who: Admin, origin: Origin) -> CreatedWebhook:
    """Of those that happen from now on, each at least once, signed as Standard Webhooks has it.

    `webhook-id` is the same at every try: whoever has seen it answers 2xx and does nothing. Any other answer is tried
    again for a day; 410, or three days without a success, disables it. 409 for one too many.
    """
    wish = Wish(**wanted.model_dump())
    webhook, secret = parts.webhooks.keeping.add(wish, actor=who.name, origin=origin, now=parts.clock.now())
    return CreatedWebhook(webhook=WebhookView.of(webhook), secret=secret)


@router.get("/{webhook_id}", summary="Show a webhook")
def show_webhook(webhook_id: UUID, parts: PartsDep, _: Admin) -> WebhookView:
    """Nothing of its secret can be shown."""
    return WebhookView.of(parts.webhooks.keeping.get(webhook_id))


@router.patch("/{webhook_id}", summary="Change a webhook")
def change_webhook(
    webhook_id: UUID, wanted: ChangedWebhook, parts: PartsDep, who: Admin, origin: Origin
) -> WebhookView:
    """Disabled, what waits for it is dropped; enabled again, it hears of what happens from then on."""
    wish = Wish(**wanted.model_dump())
    now = parts.clock.now()
    return WebhookView.of(parts.webhooks.keeping.change(webhook_id, wish, actor=who.name, origin=origin, now=now))


@router.delete("/{webhook_id}", status_code=204, response_class=Response, summary="Remove a webhook")
def remove_webhook(webhook_id: UUID, parts: PartsDep, who: Admin, origin: Origin) -> None:
    """With its deliveries."""
    parts.webhooks.keeping.remove(webhook_id, actor=who.name, origin=origin, now=parts.clock.now())


@router.post("/{webhook_id}/secret", summary="Change a webhook's secret", dependencies=[Depends(holds_secret)])
def change_webhook_secret(webhook_id: UUID, parts: PartsDep, who: Admin, origin: Origin) -> NewSecret:
    """For a day every delivery is signed with both, so that none is refused meanwhile."""
    secret = parts.webhooks.keeping.change_secret(webhook_id, actor=who.name, origin=origin, now=parts.clock.now())
    return NewSecret(secret=secret)


@router.post("/{webhook_id}/test", status_code=202, summary="Try a webhook")
def try_webhook(webhook_id: UUID, parts: PartsDep, who: Admin, origin: Origin) -> DeliveryView:
    """It is told an event of the type `test`, as it is told of others; 409 for one that is disabled."""
    now = parts.clock.now()
    delivery_id = parts.webhooks.keeping.test(webhook_id, actor=who.name, origin=origin, now=now)
    return parts.webhooks.reading.delivery(webhook_id, delivery_id)


@router.get("/{webhook_id}/deliveries", summary="List what a webhook was told")
def list_webhook_deliveries(
    webhook_id: UUID,
    parts: PartsDep,
    _: Admin,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DeliveryView]:
    """Newest first, with every try; kept for seven days after the last."""
    parts.webhooks.keeping.get(webhook_id)
    return parts.webhooks.reading.deliveries(webhook_id, state=state, cursor=cursor, limit=limit)


@router.get("/{webhook_id}/deliveries/{delivery_id}", summary="Show what became of a delivery")
def show_webhook_delivery(webhook_id: UUID, delivery_id: UUID, parts: PartsDep, _: Admin) -> DeliveryView:
    """With every try."""
    return parts.webhooks.reading.delivery(webhook_id, delivery_id)


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver", status_code=202, summary="Deliver again")
def redeliver_to_webhook(
    webhook_id: UUID, delivery_id: UUID, parts: PartsDep, who: Admin, origin: Origin
) -> DeliveryView:
    """By the same `webhook-id`, also where it was accepted; 409 while it is on its way."""
    now = parts.clock.now()
    parts.webhooks.keeping.deliver_again(webhook_id, delivery_id, actor=who.name, origin=origin, now=now)
    return parts.webhooks.reading.delivery(webhook_id, delivery_id)
