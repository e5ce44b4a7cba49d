"""Service levels as rows, and what was good and bad, out of the rollups."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.quantity import format_duration
from healthmgr.domain.rollup import STATUS, Kept, Statuses
from healthmgr.domain.sketch import Sketch
from healthmgr.domain.slo import Slo, SloKind, Standing, Tally, count_good
from healthmgr.services.upholding import UpholdingTransaction
from healthmgr.storage.series import read_summary

_SLOS = text("SELECT document FROM slos ORDER BY name")
_CHECKS = text("SELECT id, slug, service, extract(epoch FROM interval)::float8 AS seconds FROM checks WHERE is_enabled")
_KEEP = text("UPDATE slos SET standing = :standing, judged_at = :now WHERE name = :name")
_OPEN = text("SELECT labels->>'slo' FROM alerts WHERE origin = :origin AND resolved_at IS NULL AND labels ? 'slo'")


class UpholdingRows(UpholdingTransaction):
    """Service levels within one transaction."""

    def __init__(self, connection: Connection, kept: Kept) -> None:
        self._connection = connection
        self._kept = kept
        self._checks: Sequence[Any] | None = None

    def slos(self) -> Sequence[Slo]:
        return [Slo.from_document(document) for document in self._connection.execute(_SLOS).scalars()]

    def tallies(self, slos: Iterable[Slo], window: timedelta, now: datetime) -> Mapping[str, Tally]:
        asked: defaultdict[tuple[str, bool], list[Slo]] = defaultdict(list)
        for slo in slos:
            asked[(_metric(slo), slo.counts_maintenance)].append(slo)
        found: dict[str, Tally] = {}
        for (metric, with_planned), group in asked.items():
            checks = {slo.name: self._checks_of(slo) for slo in group}
            ids = {check_id for members in checks.values() for check_id in members}
            sketches = read_summary(
                self._connection, ids, metric, now - window, now, self._kept, now=now, with_planned=with_planned
            )
            for slo in group:
                tallies = (_tally(slo, sketches.get(i, Sketch()), s) for i, s in checks[slo.name].items())
                found[slo.name] = sum(tallies, Tally())
        return found

    def keep(self, standings: Iterable[Standing], now: datetime) -> None:
        rows = [{"name": one.slo.name, "standing": json.dumps(_document(one)), "now": now} for one in standings]
        if rows:
            self._connection.execute(_KEEP, rows)

    def open_names(self, origin: str) -> set[str]:
        return set(self._connection.execute(_OPEN, {"origin": origin}).scalars())

    def _checks_of(self, slo: Slo) -> dict[UUID, float]:
        """The checks that it is about, and the seconds that one look of each stands for."""
        if self._checks is None:
            self._checks = self._connection.execute(_CHECKS).all()
        return {
            row.id: row.seconds
            for row in self._checks
            if (row.service == slo.service if slo.service else row.slug in slo.checks)
        }


def _metric(slo: Slo) -> str:
    return STATUS if slo.kind is SloKind.AVAILABILITY else slo.metric


def _tally(slo: Slo, sketch: Sketch, seconds: float) -> Tally:
    """Looks weigh what they stand for, so that of two checks the one that looks more often counts no more."""
    if slo.good is not None:
        good = count_good(slo.good, sketch.count_at_most(slo.good.limit), sketch.amount)
        return Tally(good * seconds, (sketch.amount - good) * seconds, sketch.amount - good)
    found = Statuses.of(sketch)
    bad = found.unhealthy + (found.degraded if slo.degraded_is_bad else 0)
    return Tally((found.known - bad) * seconds, bad * seconds, bad)


def _document(standing: Standing) -> dict[str, Any]:
    return {
        "level": standing.level,
        "budget_left": standing.budget_left,
        "rates": {format_duration(window): rate for window, rate in standing.rates.items()},
        "is_burning": bool(standing.burning),
    }
