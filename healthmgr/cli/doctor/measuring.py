"""Are results rolled up in time, and do service levels look at something?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from healthmgr.cli.doctor.finding import Finding, Installation, warn, well
from healthmgr.domain.phrasing import lasted

_LATE_AFTER = timedelta(minutes=5)


def examine_rollups(installation: Installation) -> Iterator[Finding]:
    """Metrics over time, uptime and service levels are as old as the last turn of rolling up."""
    healthmgr = installation.healthmgr
    now = healthmgr.clock.now()
    rolled_at = healthmgr.measuring.series.rolled_at()
    if rolled_at is None or now - rolled_at > _LATE_AFTER:
        since = f"for {lasted(now - rolled_at)}" if rolled_at else "so far"
        yield warn(
            f"results have not been rolled up {since}: metrics, uptime and service levels are as old",
            "see that a worker takes queue upkeep, and that no transaction is left open on the database",
        )
    else:
        yield well(f"results were rolled up {lasted(now - rolled_at)} ago")
    for standing in healthmgr.measuring.upholding.standings(now):
        if standing.level is None:
            yield warn(
                f"service level {standing.slo.name} has seen nothing yet",
                "name checks that have results, and wait for them to be rolled up",
            )
