"""What people do on pages that more than one page offers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from nicegui import ui

from healthmgr.dashboard.place import Place
from healthmgr.services.tokens import Role


async def acknowledge(place: Place, data: Mapping[str, str]) -> None:
    """Say that whoever is looking is on it; `number` is the incident's."""
    place.demand(Role.RESPONDER)
    healthmgr, number = place.healthmgr, int(data["number"])

    def act() -> None:
        incident_id = healthmgr.reading.incident_id(number)
        healthmgr.answering.acknowledge(incident_id, actor=place.name, origin=place.origin, now=healthmgr.now())

    await asyncio.to_thread(act)
    ui.notify(f"Incident {number} is yours: nobody else is paged for it", type="positive", position="top")
