"""What people do on pages that more than one page offers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.templates import render
from healthmgr.domain.matcher import Matcher
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.silence import read_matchers
from healthmgr.errors import HealthmgrError
from healthmgr.services.tokens import Role

LENGTHS = {"30m": "30 minutes", "1h": "1 hour", "2h": "2 hours", "4h": "4 hours", "8h": "8 hours", "1d": "a day"}


async def acknowledge(place: Place, data: Mapping[str, str]) -> None:
    """Say that whoever is looking is on it; `number` is the incident's."""
    place.demand(Role.RESPONDER)
    healthmgr, number = place.healthmgr, int(data["number"])

    def act() -> None:
        incident_id = healthmgr.reading.incident_id(number)
        healthmgr.answering.acknowledge(incident_id, **place.said())

    await asyncio.to_thread(act)
    ui.notify(f"Incident {number} is yours: nobody else is paged for it", type="positive", position="top")


async def acknowledge_many(place: Place, data: Mapping[str, str]) -> None:
    """Take every incident in hand that has an alert like this; how many those are is seen before."""
    place.demand(Role.RESPONDER)
    answering = place.healthmgr.answering_many

    async def look(filled: Mapping[str, str]) -> str:
        try:
            matchers = _matchers(filled["matchers"])
            count = await asyncio.to_thread(lambda: answering.count(matchers))
        except HealthmgrError as error:
            return render("incidents_many", count=None, fault=str(error), is_all=False)
        return render("incidents_many", count=count, fault="", is_all=not matchers)

    fields = [
        Field("matchers", "Alerts like this (empty: all)", data.get("matchers", ""), hint="service=shop, host=~db-.*"),
        Field("for", "For how long", options={"": "until it is over", **LENGTHS}),
        Field("comment", "Comment", is_long=True),
    ]
    given = await ask("Take many in hand", fields, "Acknowledge them", look=look)
    if given is None:
        return
    said = place.said()
    until = said["now"] + parse_duration(given["for"]) if given["for"] else None
    matchers = _matchers(given["matchers"])
    numbers = await asyncio.to_thread(
        lambda: answering.acknowledge(matchers, comment=given["comment"], until=until, **said)
    )
    are = "incident is" if len(numbers) == 1 else "incidents are"
    ui.notify(f"{len(numbers)} {are} yours", type="positive" if numbers else "info", position="top")


def _matchers(text: str) -> tuple[Matcher, ...]:
    return tuple(read_matchers([text])) if text.strip() else ()
