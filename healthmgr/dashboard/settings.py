"""Settings: over what people are reached, who gets in, and what this installation was told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.once import show_once
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.settings_users import user_acts
from healthmgr.dashboard.settings_webhooks import webhook_acts
from healthmgr.dashboard.shell import keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.message import MessageKind
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import ChannelError, DefinitionError, Problem
from healthmgr.services.previewing import Origin
from healthmgr.services.scopes import SCOPES
from healthmgr.services.tokens import Role
from healthmgr.views_settings import effective

_ROLES = {
    "viewer": "viewer: reads",
    "responder": "responder: acts on alerts, checks and incidents, too",
    "admin": "admin: does everything",
    "ingest": "ingest: brings pings and results",
}


@page("/settings", "Settings", needs=Role.ADMIN)
async def show_settings(place: Place) -> None:
    """Channels, tokens, users, sessions, webhooks, and the settings with their origins."""
    parts = Pieces()

    async def refresh(where: Place) -> None:
        healthmgr = where.healthmgr
        channels = await where.live.ask("channels", healthmgr.reading.channels, 2)
        tokens = await where.live.ask("tokens", healthmgr.tokens.list)
        users = await where.live.ask("users", healthmgr.users.list)
        sessions = await where.live.ask("sessions", lambda: healthmgr.sessions.list(healthmgr.now()))
        webhooks = await where.live.ask("webhooks", healthmgr.webhooks.keeping.list)
        now = await where.live.ask("now", healthmgr.now)
        parts.show(
            [
                ("channels", render("settings_channels", channels=channels)),
                ("users", render("settings_users", users=users)),
                ("tokens", render("settings_tokens", tokens=tokens, now=now)),
                ("sessions", render("settings_sessions", sessions=sessions)),
                ("webhooks", render("settings_webhooks", webhooks=webhooks)),
                ("settings", render("settings_values", settings=list(effective(healthmgr.settings)))),
            ]
        )

    on_acts(
        {
            "test": lambda data: _test(place, data),
            "new-token": lambda _: _new_token(place),
            "revoke": lambda data: _revoke(place, data),
            **user_acts(place),
            **webhook_acts(place),
        }
    )
    await refresh(place)
    keep_fresh(refresh, place)


async def _test(place: Place, data: Mapping[str, str]) -> None:
    """One message that says it is a test, as `healthmgr channels test` sends it."""
    place.demand(Role.ADMIN)
    name, healthmgr = data["name"], place.healthmgr
    ready = await asyncio.to_thread(healthmgr.previewing.channel, name)
    known = {
        person: f"{person} ({address or 'no address needed'})" for person, address in ready.stored.contacts.items()
    }
    field = Field("to", "To whom", options=known) if known else Field("to", "To which address")
    asked = await ask(
        f"Test {name}", [field], "Send a test", said="One message that says it is a test, now and from here."
    )
    if asked is None:
        return
    place.demand(Role.ADMIN)
    by = Origin(place.name, place.origin)

    def send() -> str:
        return healthmgr.previewing.send_test(ready, asked["to"], MessageKind.PROBLEM, by, healthmgr.now()).detail

    try:
        detail = await asyncio.to_thread(send)
    except ChannelError as error:
        ui.notify(f"{name} did not accept it: {error}", type="negative", position="top", close_button="Close")
    else:
        ui.notify(f"{name} accepted it: {detail or 'no words'}", type="positive", position="top")


async def _new_token(place: Place) -> None:
    """A token, shown this once."""
    place.demand(Role.ADMIN)
    asked = await ask(
        "New access token",
        [
            Field("name", "Name", is_required=True, hint="Who or what uses it"),
            Field("role", "Role", value="viewer", options=_ROLES),
            Field("scopes", "Held to scopes (empty: all that the role may)", hint="checks:read, incidents:write"),
            Field("lasts_for", "Expires in (empty: never)", hint="90d"),
        ],
        "Make it",
    )
    if asked is None:
        return
    place.demand(Role.ADMIN)
    healthmgr, now = place.healthmgr, await asyncio.to_thread(place.healthmgr.now)
    scopes = [scope for scope in asked["scopes"].replace(",", " ").split() if scope]
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise DefinitionError([Problem(f"there is no scope {unknown[0]!r}: write such as checks:read", path="scopes")])
    try:
        expires_at = now + parse_duration(asked["lasts_for"]) if asked["lasts_for"] else None
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="expires in")]) from error

    def make() -> str:
        return healthmgr.tokens.create(
            asked["name"], asked["role"], now, expires_at, scopes, actor=place.name, origin=place.origin
        )

    show_once(f"The token {asked['name']}", await asyncio.to_thread(make))


async def _revoke(place: Place, data: Mapping[str, str]) -> None:
    place.demand(Role.ADMIN)
    name = data["name"]
    said = "It is refused from now on, and whoever signed in with it is signed out."
    if await ask(f"Revoke {name}?", [], "Revoke", said=said, is_grave=True) is None:
        return
    place.demand(Role.ADMIN)
    said_by = place.said()
    await asyncio.to_thread(lambda: place.healthmgr.tokens.revoke(name, **said_by))
    ui.notify(f"{name} is revoked", type="positive", position="top")
