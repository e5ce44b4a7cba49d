"""healthmgr itself: who works, what waits, and whether somebody watches over it."""

from __future__ import annotations

from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import keep_fresh, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.promises import OVER, said


@page("/workers", "Workers and queues")
async def show_workers(place: Place) -> None:
    """Live."""
    parts = Pieces()

    async def refresh(where: Place) -> None:
        healthmgr = where.healthmgr
        health = await where.live.ask("health", lambda: healthmgr.reading.health(healthmgr.now()), 2)
        numbers = await where.live.ask("numbers", lambda: healthmgr.reading.statistics(healthmgr.now()), 5)
        promises = await where.live.ask("promises", lambda: healthmgr.promising.report(healthmgr.now(), OVER), 60)
        by_kind = {
            kind: [part for part in health.parts if part.name.split(" ", 1)[0] == kind]
            for kind in ("queue", "worker", "beat", "sweep", "auditor")
        }
        parts.show(
            [
                (
                    "whole",
                    render(
                        "workers_whole",
                        health=health,
                        numbers=numbers,
                        by_kind=by_kind,
                        flower=healthmgr.settings.flower_url,
                    ),
                ),
                ("queues", render("workers_queues", queues=by_kind["queue"])),
                ("promises", render("workers_promises", figures=[(one, said(one)) for one in promises.figures])),
                ("workers", render("workers_workers", workers=by_kind["worker"])),
            ]
        )

    await refresh(place)
    keep_fresh(refresh, place)
