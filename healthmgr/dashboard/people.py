"""People: how each is reached and in which order, whether that works, and when they are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.oncall import show_parts
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import ROOT, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.errors import Conflict, PluginError
from healthmgr.services.previewing import Origin
from healthmgr.services.tokens import Role


@page("/people", "People")
async def show_people(place: Place, search: str = "") -> None:
    """Everybody, live; addresses are shown to those who may act."""
    show_parts("/people")
    search = search[:200]
    ui.html(render("people_bar", search=search, root=ROOT), sanitize=False)
    kept = Pieces()

    async def refresh(where: Place) -> None:
        healthmgr = where.healthmgr
        people = await where.live.ask("people", lambda: healthmgr.oncall.people.people(healthmgr.now()))
        wanted = search.lower()
        found = [one for one in people if wanted in f"{one.name} {one.display_name} {' '.join(one.teams)}".lower()]
        may_act = where.may(Role.RESPONDER)
        lines = [(one.name, render("people_line", person=one, may_act=may_act, root=ROOT)) for one in found]
        kept.show(lines or [("empty", render("people_empty", search=search))])

    async def verify(data: Mapping[str, str]) -> None:
        place.demand(Role.RESPONDER)
        person, channel, address = data["person"], data["channel"], data["address"]
        verifying, asker = place.healthmgr.oncall.verifying, Origin(place.name, place.origin)
        if data["act"] == "send_code":
            now = place.healthmgr.now()
            try:
                receipt = await asyncio.to_thread(lambda: verifying.send(person, channel, asker, now, address))
            except PluginError as error:
                raise Conflict(f"The code could not be sent: {error}") from error
            ui.notify(f"A code is on its way to {person} over {channel}: {receipt.detail}", type="positive",
                      position="top")  # fmt: skip
        given = await ask(
            f"Confirm {person}'s {channel}",
            [Field("code", "The code that came", is_required=True)],
            "Confirm",
            said="A code holds for a quarter of an hour.",
        )
        if given is not None:
            now = place.healthmgr.now()
            await asyncio.to_thread(lambda: verifying.confirm(person, channel, given["code"], asker, now, address))
            ui.notify(f"{person} is reached over {channel}: it is verified", type="positive", position="top")

    on_acts({"send_code": verify, "confirm": verify})
    await refresh(place)
    keep_fresh(refresh, place)
