"""What checks did about the time of an incident, out of their minutes: which of their metrics moved, and how alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from healthmgr.domain.cause import BEFORE, Movement, Observed
from healthmgr.domain.correlation import Move, Series, find_move, resemblance

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Minutes:
    """One metric of one check, a value for each minute from `begin` on."""

    slug: str
    metric: str
    begin: datetime
    values: Series


def observe(
    series: Iterable[Minutes], failed_at: Mapping[str, datetime], symptoms: frozenset[str], opened_at: datetime
) -> dict[str, Observed]:
    """What every check did: those that neither failed nor moved are left out.

    What moved is compared with the symptom that moved most.
    """
    moved = [
        (each, Movement(each.metric, _minute(each, move), move))
        for each in series
        if (move := find_move(each.values)) is not None and _minute(each, move) >= opened_at - BEFORE
    ]
    symptom = max(
        ((each, movement.move) for each, movement in moved if each.slug in symptoms),
        key=lambda pair: (abs(pair[1].size), pair[0].slug, pair[0].metric),
        default=None,
    )
    movements: dict[str, list[Movement]] = {}
    for each, movement in moved:
        alike = resemblance(symptom[0].values, each.values) if symptom and symptom[0] is not each else None
        movements.setdefault(each.slug, []).append(replace(movement, alike=alike))
    slugs = sorted({*movements, *failed_at})
    return {slug: Observed(slug, failed_at.get(slug), tuple(movements.get(slug, ()))) for slug in slugs}


def _minute(series: Minutes, move: Move) -> datetime:
    return series.begin + MINUTE * move.index
