"""healthmgr itself: who works, what waits, and whether somebody watches over it."""

from __future__ import annotations

from dataclasses import dataclass

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import keep_fresh, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.promises import OVER, said

_SLOW = 30.0  # seconds that checks, or messages, wait for a hand; more is shown as trouble
_LATE = 600.0  # seconds that rollups are behind, likewise


@dataclass(frozen=True, slots=True)
class Lag:
    """How long the oldest of something waits (seconds; None: nothing to tell), and whether that is long."""

    words: str
    explanation: str
    seconds: float | None
    most: float

    @property
    def is_long(self) -> bool:
        """Whether somebody should look."""
        return self.seconds is not None and self.seconds > self.most


def _lags(healthmgr: Healthmgr) -> list[Lag]:
    found = healthmgr.reading.numbers(healthmgr.now())
    return [
        Lag("checks behind", "How long the check that waits the longest has been due", found.schedule_lag, _SLOW),
        Lag(
            "messages behind", "How long the message that waits the longest has been due", found.notification_lag, _SLOW
        ),
        Lag("rollups behind", "Since all results that there were had been rolled up", found.rollup_lag, _LATE),
    ]


@page("/workers", "Workers and queues")
async def show_workers(place: Place) -> None:
    """Live."""
    parts = Pieces()

    async def refresh(where: Place) -> None:
        healthmgr = where.healthmgr
        health = await where.live.ask("health", lambda: healthmgr.reading.health(healthmgr.now()), 2)
        numbers = await where.live.ask("numbers", lambda: healthmgr.reading.statistics(healthmgr.now()), 5)
        lags = await where.live.ask("lags", lambda: _lags(healthmgr), 5)
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
                        lags=lags,
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
