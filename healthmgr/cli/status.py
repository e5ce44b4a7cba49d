"""`healthmgr status`: the whole at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import typer

from healthmgr.cli.alerts import print_alert_table
from healthmgr.cli.failing import ExitCode
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, duration, print_heading, print_json, print_lines, print_table, styled
from healthmgr.cli.promises import promise_lines
from healthmgr.cli.wording import check_state
from healthmgr.domain.check import Status
from healthmgr.domain.delivery_time import TOLD_WITHIN, DeliveryTimes
from healthmgr.domain.phrasing import lasted, took
from healthmgr.domain.promises import OVER, Figure
from healthmgr.views import CheckLine, Overview

_SHOWN = 20


def status(as_json: Json = False) -> None:
    """Show the state of everything at a glance.

    Exits 0 when all checks are healthy, no alert is open and healthmgr itself is well; 1 when anything is
    not, or when nothing is checked at all; 3 when the database does not answer.
    """
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        overview = healthmgr.reading.overview(now)
        figures = healthmgr.promising.figures(now)
    if as_json:
        print_json(overview.model_dump() | {"promises": figures})
    else:
        _print_overview(overview)
        _print_promises(figures)
    raise typer.Exit(ExitCode.OK if is_all_well(overview) else ExitCode.WRONG)


def is_all_well(overview: Overview) -> bool:
    """Whether a script may go on: nothing is bad, nothing is open, and the picture itself can be trusted."""
    return overview.status.status == Status.HEALTHY and not overview.alerts and overview.health.is_well


def _print_overview(overview: Overview) -> None:
    _print_summary(overview)
    bad = [check for check in overview.checks if Status(check.status).is_bad and not check.is_paused]
    if bad:
        print_heading("Checks that are not healthy")
        _print_checks(bad, overview.at)
    if overview.alerts:
        print_heading("Open alerts")
        print_alert_table(overview.alerts[:_SHOWN], overview.at)
        if len(overview.alerts) > _SHOWN:
            print_lines(f"and {len(overview.alerts) - _SHOWN} more: healthmgr alerts list")
    unwell = [part for part in overview.health.parts if not part.is_well]
    if unwell:
        print_heading("healthmgr itself is not well, so the above may be old")
        print_table(
            (Column("part"), Column("what to do", is_flexible=True, is_wrapped=True)),
            ((part.name, part.message) for part in unwell),
        )


def _print_promises(figures: Sequence[Figure]) -> None:
    """Those that anything can be said of."""
    known = [figure for figure in figures if figure.value is not None]
    if known:
        print_heading(f"What is promised, over {lasted(OVER)}")
        print_lines(*promise_lines(known))


def _print_summary(overview: Overview) -> None:
    seen = overview.status
    counts = ", ".join(f"{count} {status}" for status, count in seen.checks.items() if count)
    if not seen.total_checks:
        print_lines("Nothing is checked: write healthmgr.yaml and run `healthmgr apply`.")
        return
    print_lines(styled(seen.status, f"{seen.status}, of {seen.total_checks} checks: {counts}"))
    open_alerts = ", ".join(f"{count} {severity}" for severity, count in seen.open_alerts.items() if count)
    unsent = f"; {seen.pending_notifications} notifications on their way" if seen.pending_notifications else ""
    print_lines(f"Open alerts: {open_alerts or 'none'}; {seen.unacknowledged_alerts} not acknowledged{unsent}")
    for line in told_of_late(seen.delivery):
        print_lines(line)


def told_of_late(times: Sequence[DeliveryTimes]) -> Iterator[str]:
    """How long telling took, in a sentence for each window in which anything was told; nothing is said twice."""
    said = ""
    for each in times:
        told = _told(each)
        if told and told != said:
            yield f"Told within {duration(each.over)}: {told}"
        said = told


def _told(times: DeliveryTimes) -> str:
    if not times.notifications:
        return ""
    parts = [f"{times.notifications}"]
    for since, found in (("the failing probe", times.from_problem), ("the decision", times.from_decision)):
        if found is not None:
            lengths = " / ".join(took(seconds) for _, seconds in found.by_share())
            parts.append(f"{lengths} after {since} (p50 / p95 / p99)")
    if times.late:
        parts.append(f"{times.late} of {times.urgent} urgent ones later than {duration(TOLD_WITHIN.total_seconds())}")
    return "; ".join(parts)


def _print_checks(bad: list[CheckLine], now: datetime) -> None:
    columns = (
        Column("check", max_width=28),
        Column("status"),
        Column("for"),
        Column("message", is_flexible=True, is_wrapped=True),
    )
    print_table(
        columns,
        (
            (
                check.slug,
                check_state(check),
                duration((now - check.since_at).total_seconds()) if check.since_at else "-",
                check.last_message,
            )
            for check in bad[:_SHOWN]
        ),
    )
    if len(bad) > _SHOWN:
        print_lines(f"and {len(bad) - _SHOWN} more: healthmgr checks list")
