"""Announcements: what everybody is told on the status page, and telling more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.clocks import FROM, FROM_HINT, location_of, own_zone
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.announcement import STATES, Impact, Kind, State, Wanted
from healthmgr.domain.civil import moment_at
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.tokens import Role
from healthmgr.views_public import AnnouncementView

_ALL = "(all)"
_IMPACTS = {"degraded": "works less well", "partial": "works in part", "outage": "does not work", "none": "works"}


@page("/announcements", "Announcements")
async def show_announcements(place: Place) -> None:
    """The newest first; what is over stays below."""
    bar, kept = Pieces(), Pieces()
    announcing = place.healthmgr.public.announcing

    async def refresh(where: Place) -> None:
        def find() -> tuple[list[str] | None, list[AnnouncementView]]:
            now, status_page = where.healthmgr.now(), announcing.page()
            groups = [group.name for group in status_page.groups] if status_page is not None else None
            return groups, [AnnouncementView.of(one, now) for one in announcing.list()]

        groups, found = await where.live.ask("announcements", find, 2)
        may_act = where.may(Role.RESPONDER)
        bar.show([("bar", render("announcements_bar", is_defined=groups is not None, may_act=may_act))])
        lines = [(str(one.number), render("announcement", one=one, may_act=may_act)) for one in found]
        kept.show(lines or [("empty", render("announcements_empty"))])

    async def say(data: Mapping[str, str]) -> None:
        await _update(place, int(data["number"]), Kind(data["kind"]))

    async def withdraw(data: Mapping[str, str]) -> None:
        place.demand(Role.RESPONDER)
        number, said = int(data["number"]), "It vanishes from the page, as if it had never been said."
        if await ask(f"Withdraw announcement {number}?", [], "Withdraw", said=said, is_grave=True) is not None:
            place.demand(Role.RESPONDER)
            told = place.said()
            await asyncio.to_thread(lambda: announcing.withdraw(number, **told))

    on_acts(
        {
            "trouble": lambda _: _publish_trouble(place),
            "work": lambda _: _publish_work(place),
            "say": say,
            "withdraw": withdraw,
        }
    )
    await refresh(place)
    keep_fresh(refresh, place)


async def _publish_trouble(place: Place) -> None:
    place.demand(Role.RESPONDER)
    fields = [
        Field("title", "In one line", is_required=True),
        Field("message", "What people should know", is_long=True, is_required=True),
        Field("group", "About", value=_ALL, options=await _groups(place)),
        Field("impact", "What it feels like", value="degraded", options=_IMPACTS),
    ]
    asked = await ask("Tell everybody of trouble", fields, "Publish", said="Everybody can read it at once.")
    if asked is not None:
        wanted = Wanted(
            Kind.INCIDENT, asked["title"], asked["message"], Impact(asked["impact"]), _chosen(asked["group"])
        )
        await _publish(place, wanted)


async def _publish_work(place: Place) -> None:
    place.demand(Role.RESPONDER)
    fields = [
        Field("title", "In one line", is_required=True),
        Field("message", "What people should know", is_long=True, is_required=True),
        Field("group", "About", value=_ALL, options=await _groups(place)),
        Field("starts_at", FROM, hint=FROM_HINT),
        Field("lasts_for", "For", value="2h"),
    ]
    asked = await ask("Tell everybody of planned work", fields, "Publish", said="It begins and ends by itself.")
    if asked is None:
        return
    now = await asyncio.to_thread(place.healthmgr.now)
    start = moment_at(asked["starts_at"], now, location_of(await own_zone()), "from") if asked["starts_at"] else now
    try:
        end = start + parse_duration(asked["lasts_for"])
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="for")]) from error
    group = _chosen(asked["group"])
    wanted = Wanted(
        Kind.MAINTENANCE, asked["title"], asked["message"], Impact.NONE, group, starts_at=start, ends_at=end
    )
    await _publish(place, wanted)


async def _publish(place: Place, wanted: Wanted) -> None:
    place.demand(Role.RESPONDER)
    said = place.said()
    await asyncio.to_thread(lambda: place.healthmgr.public.announcing.publish(wanted, **said))
    ui.notify("Everybody can read it now", type="positive", position="top")


async def _update(place: Place, number: int, kind: Kind) -> None:
    place.demand(Role.RESPONDER)
    states = {state.value: state.value for state in STATES[kind]}
    fields = [
        Field("state", "How far it has come", value=STATES[kind][1].value, options=states),
        Field("message", "What is new", is_long=True, is_required=True),
    ]
    asked = await ask(f"What is new of announcement {number}?", fields, "Publish")
    if asked is None:
        return
    place.demand(Role.RESPONDER)
    said = place.said()
    announcing = place.healthmgr.public.announcing
    await asyncio.to_thread(lambda: announcing.update(number, State(asked["state"]), asked["message"], **said))
    ui.notify("Everybody can read it now", type="positive", position="top")


async def _groups(place: Place) -> Mapping[str, str]:
    found = await asyncio.to_thread(place.healthmgr.public.announcing.page)
    names: Sequence[str] = [group.name for group in found.groups] if found is not None else ()
    return {_ALL: "everything", **{name: name for name in names}}


def _chosen(group: str) -> tuple[str, ...]:
    return () if group == _ALL else (group,)
