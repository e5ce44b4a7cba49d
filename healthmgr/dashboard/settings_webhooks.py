"""What admins do with webhooks on the settings page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.once import show_once
from healthmgr.dashboard.place import Place
from healthmgr.services.tokens import Role
from healthmgr.services.webhooks import Wish

Act = Callable[[Mapping[str, str]], Awaitable[None]]


def webhook_acts(place: Place) -> Mapping[str, Act]:
    """The actions by their names."""
    return {
        "new-webhook": lambda _: _add(place),
        "webhook-test": lambda data: _test(place, UUID(data["id"])),
        "webhook-disable": lambda data: _enable(place, UUID(data["id"]), False),
        "webhook-enable": lambda data: _enable(place, UUID(data["id"]), True),
        "webhook-remove": lambda data: _remove(place, UUID(data["id"]), data["name"]),
    }


async def _add(place: Place) -> None:
    """A webhook, with a secret that is shown this once."""
    place.demand(Role.ADMIN)
    asked = await ask(
        "New webhook",
        [
            Field("url", "Address", is_required=True, hint="https://hooks.example.com/healthmgr"),
            Field("types", "Events (empty: all)", hint="incident_opened, incident_resolved"),
            Field("matchers", "Only those whose labels fit (empty: all)", hint="service=shop"),
            Field("description", "What it is for"),
        ],
        "Add",
        said="It is told of what happens from now on. Its secret is made up and shown once.",
    )
    if asked is None:
        return
    place.demand(Role.ADMIN)
    types = asked["types"].replace(",", " ").split()
    matchers = (asked["matchers"],) if asked["matchers"] else ()
    wish, said = Wish(asked["url"], types, matchers, asked["description"]), place.said()
    webhook, secret = await asyncio.to_thread(lambda: place.healthmgr.webhooks.keeping.add(wish, **said))
    show_once(f"The secret of the webhook to {webhook.place}", secret)


async def _test(place: Place, webhook_id: UUID) -> None:
    place.demand(Role.ADMIN)
    said = place.said()
    await asyncio.to_thread(lambda: place.healthmgr.webhooks.keeping.test(webhook_id, **said))
    ui.notify("It is told a test within seconds: its state here says how that went", type="positive", position="top")


async def _enable(place: Place, webhook_id: UUID, is_enabled: bool) -> None:
    place.demand(Role.ADMIN)
    wish, said = Wish(is_enabled=is_enabled), place.said()
    await asyncio.to_thread(lambda: place.healthmgr.webhooks.keeping.change(webhook_id, wish, **said))
    ui.notify(f"It is {'told again' if is_enabled else 'told nothing more'}", type="positive", position="top")


async def _remove(place: Place, webhook_id: UUID, name: str) -> None:
    place.demand(Role.ADMIN)
    asked = await ask(f"Remove the webhook to {name}?", [], "Remove", said="With all that it was told.", is_grave=True)
    if asked is None:
        return
    place.demand(Role.ADMIN)
    said = place.said()
    await asyncio.to_thread(lambda: place.healthmgr.webhooks.keeping.remove(webhook_id, **said))
    ui.notify(f"The webhook to {name} is removed", type="positive", position="top")
