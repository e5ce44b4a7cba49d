"""What a silence or a maintenance window keeps quiet now, for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from healthmgr.cli.printing import Column, print_heading, print_lines, print_table, styled
from healthmgr.cli.wording import incident_name
from healthmgr.domain.phrasing import listing
from healthmgr.views_muting import HitIncidentView, HitsView

MATCHERS_HELP = (
    "What the labels of an alert have to be like, such as service=shop 'host=~\"db.*\"'; all of them have to fit. "
    "Labels: check, service, category, severity, and an alert's own; = != =~ !~."
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would be and what it would hit; change nothing.")]
Matchers = Annotated[list[str], typer.Argument(metavar="MATCHER...", help=MATCHERS_HELP)]

_MOST_ALERTS = 20
_MOST_CHECKS = 8


def print_hits(hits: HitsView) -> None:
    """The alerts that are hit, what that means for their incidents, and the checks that fit, where they are known."""
    if hits.checks:
        print_lines(f"For {_count(len(hits.checks), 'check')}: {listing(hits.checks, _MOST_CHECKS)}.")
    if not hits.alerts:
        print_lines("No open alert fits now.")
        return
    print_heading(f"{_count(len(hits.alerts), 'open alert')} kept quiet")
    columns = (
        Column("inc", is_number=True),
        Column("severity"),
        Column("check", max_width=24),
        Column("summary", is_flexible=True, is_wrapped=True),
    )
    print_table(
        columns,
        (
            (incident_name(alert.incident_number), styled(alert.severity), alert.name, alert.summary)
            for alert in hits.alerts[:_MOST_ALERTS]
        ),
    )
    if len(hits.alerts) > _MOST_ALERTS:
        print_lines(f"... and {len(hits.alerts) - _MOST_ALERTS} more")
    print_lines("", *_consequences(hits))


def _consequences(hits: HitsView) -> Iterable[str]:
    for incident in hits.incidents:
        yield _consequence(incident)
    if hits.notifications:
        verb = "waits" if hits.notifications == 1 else "wait"
        yield f"{_count(hits.notifications, 'message')} that {verb} to be sent would wait until it ends."


def _consequence(incident: HitIncidentView) -> str:
    name = incident_name(incident.number)
    if incident.is_quiet:
        return f"{name}: all of it, nobody is told of it."
    return f"{name}: {len(incident.alerts)} of its {incident.open_alerts} open alerts; the others are told as before."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
