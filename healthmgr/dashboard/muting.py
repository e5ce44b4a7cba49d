"""Silences and maintenance windows: what is held back, and making more of it while one sees what would be hit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from nicegui import ui

from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import attempt, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.hits import Hits
from healthmgr.domain.matcher import Matcher
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.silence import Draft, read_matchers
from healthmgr.errors import DefinitionError, HealthmgrError, Problem
from healthmgr.services.maintaining import Plan, read_window
from healthmgr.services.silencing import ANY_STATE
from healthmgr.services.tokens import Role
from healthmgr.views_muting import HitsView, MaintenanceView, SilenceView

_LOOK_AFTER = "debounce=400"  # ms without a key pressed
Preview = Callable[[tuple[Matcher, ...]], Hits]


@page("/silences", "Silences")
async def show_silences(place: Place, matchers: str = "") -> None:
    """What people hold back, and a form for more; `matchers` fills it in."""
    kept = Pieces()
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

    async def save(data: Mapping[str, str]) -> None:
        place.demand(Role.RESPONDER)
        now = place.healthmgr.now()
        begin = _moment(data["starts_at"], "starts_at")
        draft = Draft(
            matchers=_matchers(data["matchers"]),
            ends_at=(begin or now) + _length(data["lasts_for"]),
            created_by=place.name,
            comment=data["comment"],
            starts_at=begin,
        )
        await asyncio.to_thread(lambda: silencing.save(draft, actor=place.name, origin=place.origin, now=now))
        ui.notify("What fits is told to nobody until it ends", type="positive", position="top")

    on_acts({"expire": expire})
    if place.may(Role.RESPONDER):
        _form("New silence", matchers, silencing.preview, save, "Silence", with_name=False)
    await refresh(place)
    keep_fresh(refresh, place)


@page("/maintenance", "Maintenance")
async def show_maintenance(place: Place, matchers: str = "") -> None:
    """When work is planned, and a form for a window that is open once."""
    kept = Pieces()
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
        now = place.healthmgr.now()
        begin = _moment(data["starts_at"], "starts_at") or now
        window = {"starts_at": begin, "ends_at": begin + _length(data["lasts_for"])}
        plan = Plan(
            name=data["name"],
            matchers=_matchers(data["matchers"]),
            window=read_window(window),
            comment=data["comment"],
            covers_dependents=False,
        )
        await asyncio.to_thread(lambda: maintaining.add(plan, actor=place.name, origin=place.origin, now=now))
        ui.notify("It is planned", type="positive", position="top")

    on_acts({"end": end, "delete": end})
    if place.may(Role.RESPONDER):
        _form("New window", matchers, maintaining.preview, save, "Plan", with_name=True)
    await refresh(place)
    keep_fresh(refresh, place)


def _form(title: str, matchers: str, preview: Preview, save: Any, verb: str, *, with_name: bool) -> None:
    """The form, and under it what its matchers hit as they are written."""
    inputs: dict[str, Any] = {}
    with ui.element("section").classes("card mute-form").props(f'aria-label="{title}"'):
        ui.html(render("dialog_title", title=title), sanitize=False)
        with ui.element("div").classes("fields"):
            if with_name:
                inputs["name"] = ui.input("Name").props("maxlength=100 dense outlined")
            inputs["matchers"] = (
                ui.input("Matchers, such as service=shop, host=~db-.*", value=matchers[:5000])
                .classes("grows")
                .props(f"{_LOOK_AFTER} dense outlined")
            )
            inputs["starts_at"] = ui.input("From (UTC; empty: now)").props(
                'dense outlined placeholder="2026-01-31 22:00"'
            )
            inputs["lasts_for"] = ui.input("For", value="2h").props("dense outlined").classes("short")
            inputs["comment"] = ui.input("Why").classes("grows").props("maxlength=2000 dense outlined")
            send = ui.button(verb).props("unelevated no-caps color=primary")
        hits = Pieces()

    async def look() -> None:
        hits.show([("hits", await _hits(str(inputs["matchers"].value or ""), preview))])

    async def submit() -> None:
        if await attempt(save, {name: str(found.value or "").strip() for name, found in inputs.items()}):
            for name in ("matchers", "comment", "name"):
                if name in inputs:
                    inputs[name].value = ""

    inputs["matchers"].on_value_change(look)
    send.on_click(submit)
    if matchers:
        ui.timer(0.1, look, once=True)


async def _hits(text: str, preview: Preview) -> str:
    if not text.strip():
        return render("mute_hits", hits=None, fault="")
    try:
        matchers = _matchers(text)
        found = await asyncio.to_thread(lambda: preview(matchers))
    except HealthmgrError as error:
        return render("mute_hits", hits=None, fault=str(error))
    return render("mute_hits", hits=HitsView.of(found), fault="")


def _matchers(text: str) -> tuple[Matcher, ...]:
    return read_matchers([text])


def _length(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="for")]) from error


def _moment(text: str, field: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise DefinitionError([Problem(f"{text!r} is no time: write 2026-01-31 22:00", path=field)]) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
