"""Silences and maintenance windows: what is held back, and making more of it while one sees what would be hit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.mute_form import (
    begin_of,
    foresee_silence,
    foresee_window,
    length_of,
    matchers_of,
    show_form,
    window_of,
)
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.silence import Draft
from healthmgr.services.maintaining import Plan
from healthmgr.services.silencing import ANY_STATE, Silencing
from healthmgr.services.tokens import Role
from healthmgr.views_muting import MaintenanceView, SilenceView

_LENGTHS = {"30m": "30 minutes", "1h": "an hour", "2h": "2 hours", "8h": "8 hours", "1d": "a day", "7d": "a week"}


@page("/silences", "Silences")
async def show_silences(place: Place, matchers: str = "") -> None:
    """What people hold back, and a form for more; `matchers` fills it in."""
    silencing = place.healthmgr.silencing

    async def refresh(where: Place) -> None:
        def find() -> list[SilenceView]:
            now = where.healthmgr.now()
            return [SilenceView.of(one, now) for one in silencing.find(now, states=ANY_STATE, matchers=())]

        found = await where.live.ask("silences", find)
        may_act = where.may(Role.RESPONDER)
        lines = [(str(one.id), render("silence_line", silence=one, may_act=may_act)) for one in found]
        kept.show(lines or [("empty", render("silences_empty"))])

    async def expire(data: Mapping[str, str]) -> None:
        place.demand(Role.RESPONDER)
        wanted = UUID(data["id"])
        said = place.said()
        await asyncio.to_thread(lambda: silencing.expire(wanted, **said))
        ui.notify("It is over: what still fires is told", type="positive", position="top")

    async def extend(data: Mapping[str, str]) -> None:
        place.demand(Role.RESPONDER)
        given = await ask("Hold it back for longer", (Field("for", "For how much longer", options=_LENGTHS),), "Extend")
        if given is not None:
            wanted, length, said = UUID(data["id"]), parse_duration(given["for"]), place.said()
            await asyncio.to_thread(lambda: _extend(silencing, wanted, length, **said))
            ui.notify("It holds for longer", type="positive", position="top")

    async def save(data: Mapping[str, str]) -> None:
        place.demand(Role.RESPONDER)
        said = place.said()
        now = said["now"]
        begin = begin_of(data, now)
        draft = Draft(
            matchers=matchers_of(data["matchers"]),
            ends_at=(begin or now) + length_of(data["lasts_for"]),
            created_by=place.name,
            comment=data["comment"],
            starts_at=begin,
        )
        await asyncio.to_thread(lambda: silencing.save(draft, **said))
        ui.notify("What fits is told to nobody until it ends", type="positive", position="top")

    on_acts({"expire": expire, "extend": extend})
    if place.may(Role.RESPONDER):
        show_form("New silence", matchers, lambda given: foresee_silence(place, given), save, "Silence")
    kept = Pieces()
    await refresh(place)
    keep_fresh(refresh, place)


@page("/maintenance", "Maintenance")
async def show_maintenance(place: Place, matchers: str = "") -> None:
    """When work is planned, and a form for a window that is open once."""
    maintaining = place.healthmgr.maintaining

    async def refresh(where: Place) -> None:
        def find() -> list[MaintenanceView]:
            now = where.healthmgr.now()
            return [MaintenanceView.of(one, now) for one in maintaining.list()]

        found = await where.live.ask("maintenance", find, 2)
        may_act = where.may(Role.RESPONDER)
        lines = [(one.name, render("maintenance_line", window=one, may_act=may_act)) for one in found]
        kept.show(lines or [("empty", render("maintenance_empty"))])

    async def end(data: Mapping[str, str]) -> None:
        place.demand(Role.RESPONDER)
        said = place.said()
        if data["act"] == "end":
            await asyncio.to_thread(lambda: maintaining.end(data["name"], **said))
            ui.notify("It is over for this time: what is still broken is told", type="positive", position="top")
        else:
            await asyncio.to_thread(lambda: maintaining.delete(data["name"], **said))
            ui.notify("It is deleted", type="positive", position="top")

    async def save(data: Mapping[str, str]) -> None:
        place.demand(Role.RESPONDER)
        said = place.said()
        plan = Plan(
            name=data["name"],
            matchers=matchers_of(data["matchers"]),
            window=window_of(data, said["now"]),
            comment=data["comment"],
            covers_dependents=data["covers_dependents"] == "True",
        )
        await asyncio.to_thread(lambda: maintaining.add(plan, **said))
        ui.notify("It is planned", type="positive", position="top")

    on_acts({"end": end, "delete": end})
    if place.may(Role.RESPONDER):
        show_form("New window", matchers, lambda given: foresee_window(place, given), save, "Plan", is_window=True)
    kept = Pieces()
    await refresh(place)
    keep_fresh(refresh, place)


def _extend(
    silencing: Silencing, silence_id: UUID, length: timedelta, *, actor: str, origin: str, now: datetime
) -> None:
    """The same silence, with a later end."""
    stored = silencing.get(silence_id)
    draft = Draft(
        matchers=stored.matchers,
        ends_at=max(stored.ends_at, now) + length,
        created_by=stored.created_by,
        comment=stored.comment,
        starts_at=stored.starts_at,
        annotations=stored.annotations,
        id=stored.id,
    )
    silencing.save(draft, actor=actor, origin=origin, now=now)
