"""Getting a person, and repairing: is the next one told in time, is there one, and are steps carried out?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, Select, exists, select

from healthmgr.cli.doctor.finding import Finding, Installation, fail, skip, warn, well
from healthmgr.domain.phrasing import lasted, listing
from healthmgr.domain.routing_tree import every_route
from healthmgr.domain.runbook import Automation
from healthmgr.storage.directory_rows import read_directory
from healthmgr.storage.tables import incidents, notifications

_OVERDUE = timedelta(minutes=1)
_TOLD_WITHIN = timedelta(minutes=5)
_NAMED = 5


def examine_escalation(installation: Installation) -> Iterator[Finding]:
    """Whether open incidents go on in time, somebody was told of each, and every route reaches somebody."""
    now = installation.healthmgr.clock.now()
    findings = [*_overdue(installation, now), *_untold(installation, now), *_routes(installation)]
    yield from findings or [well("no incident waits longer than it should, and every route reaches somebody")]


def examine_recovery(installation: Installation) -> Iterator[Finding]:
    """Whether anything takes up the steps of recovery."""
    healthmgr = installation.healthmgr
    parts = healthmgr.reading.health(healthmgr.clock.now()).parts
    queue = next((part for part in parts if part.name == "queue recovery"), None)
    if queue is None:
        yield skip("this installation has no queue recovery")
        return
    depth = int((queue.detail or {}).get("depth") or 0)
    waiting = f", and {depth} messages wait in it" if depth else ""
    if queue.is_well:
        yield well(f"queue recovery is consumed{waiting}{_defined(installation)}")
        yield from _procedures(installation)
        return
    since = "" if queue.age is None else f" for {lasted(timedelta(seconds=queue.age))}"
    yield fail(
        f"nothing carries out recovery steps: queue recovery has not been consumed{since}{waiting}",
        "start a worker with -Q recovery, where the services that it repairs can be reached",
    )


def _defined(installation: Installation) -> str:
    runbooks = installation.healthmgr.recovery.runbooks.runbooks()
    automatic = sum(line.automation != Automation.MANUAL for line in runbooks)
    return f"; {len(runbooks)} runbooks are defined, {automatic} of them start by themselves" if runbooks else ""


def _procedures(installation: Installation) -> Iterator[Finding]:
    """What checks name as their recovery, and nobody has written down as a runbook."""
    unknown = installation.healthmgr.recovery.runbooks.procedures_without_a_runbook()
    if unknown:
        checks = sorted({check for named in unknown.values() for check in named})
        yield warn(
            f"checks name recovery procedures that no runbook has: {listing(list(unknown), _NAMED)} "
            f"(of {listing(checks, _NAMED)})",
            "write them under `runbooks:` and apply them, or leave the name out: until then people carry them out",
        )


def _overdue(installation: Installation, now: datetime) -> Iterator[Finding]:
    late = _incidents(
        installation,
        select(incidents.c.number, incidents.c.due_at).where(
            incidents.c.resolved_at.is_(None), incidents.c.due_at < now - _OVERDUE
        ),
    )
    if late:
        longest = lasted(now - min(row["due_at"] for row in late))
        yield fail(
            f"{len(late)} incidents should have been told again, one of them {longest} ago: {_numbers(late)}",
            "start a worker with -Q escalation and a beat, whose sweep finds what was lost",
        )


def _untold(installation: Installation, now: datetime) -> Iterator[Finding]:
    was_told = exists().where(notifications.c.incident_id == incidents.c.id, notifications.c.state == "sent")
    untold = _incidents(
        installation,
        select(incidents.c.number).where(
            incidents.c.resolved_at.is_(None),
            incidents.c.acknowledged_at.is_(None),
            incidents.c.opened_at < now - _TOLD_WITHIN,
            ~was_told,
        ),
    )
    if untold:
        yield fail(
            f"nobody has been told of {len(untold)} open incidents: {_numbers(untold)}",
            "`healthmgr notifications list` says what became of each message; an incident keeps the people it opened "
            "with, so after a correction resolve its alerts: what is still broken opens anew",
        )


def _routes(installation: Installation) -> Iterator[Finding]:
    with installation.healthmgr.engine.connect() as connection:
        directory = read_directory(connection)
    for match in every_route(directory.root):
        wanted = directory.receiver(match.route).recipients
        reached = {target.recipient for target in directory.leg(match).targets}
        missed = [name for name in wanted if name not in reached]
        if not reached:
            yield fail(
                f"the route {match.name} reaches nobody, so the default route has to do",
                "give its recipients a contact for one of its channels, and run `healthmgr apply`",
            )
        elif missed:
            yield warn(
                f"the route {match.name} does not reach {listing(missed, _NAMED)}",
                "give them a contact for one of its channels, and run `healthmgr apply`",
            )


def _incidents(installation: Installation, query: Select[tuple[object, ...]]) -> list[RowMapping]:
    with installation.healthmgr.engine.connect() as connection:
        return list(connection.execute(query.order_by(incidents.c.number)).mappings())


def _numbers(rows: list[RowMapping]) -> str:
    return listing([f"#{row['number']}" for row in rows], _NAMED)
