"""Between the rows of definitions and the definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Table, select

from healthmgr.definitions.definition import (
    ChannelDefinition,
    CheckDefinition,
    InhibitionDefinition,
    MaintenanceDefinition,
    PolicyDefinition,
    ReceiverDefinition,
    RecipientDefinition,
    RouteDefinition,
    RunbookDefinition,
    ScheduleDefinition,
    SloDefinition,
    Snapshot,
    StatusPageDefinition,
    Stored,
    TeamDefinition,
    TimeWindowDefinition,
)
from healthmgr.domain import maintenance
from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import Matcher
from healthmgr.domain.routing_tree import Route
from healthmgr.domain.runbook_document import runbook_from_document, runbook_to_document
from healthmgr.domain.slo import Slo
from healthmgr.domain.status_page import StatusPage
from healthmgr.domain.timewindow import parse_time_interval
from healthmgr.services.defining_ports import CheckChange
from healthmgr.storage.definition_oncall_rows import (
    policy_row,
    read_policy,
    read_recipient,
    read_schedule_definition,
    read_team,
    recipient_row,
    schedule_row,
    team_row,
)
from healthmgr.storage.tables import (
    channels,
    check_dependencies,
    checks,
    escalation_policies,
    inhibitions,
    maintenance_windows,
    receivers,
    recipients,
    routing,
    runbooks,
    schedules,
    slos,
    status_pages,
    teams,
    time_windows,
)

Item = TypeVar("Item")

# The table of each section but checks, which take more than one.
TABLES: Mapping[str, Table] = {
    "channels": channels,
    "recipients": recipients,
    "teams": teams,
    "schedules": schedules,
    "escalation_policies": escalation_policies,
    "receivers": receivers,
    "time_windows": time_windows,
    "routing": routing,
    "maintenance": maintenance_windows,
    "inhibitions": inhibitions,
    "runbooks": runbooks,
    "slos": slos,
    "status_page": status_pages,
}

_CHECK_FIELDS = tuple(field.name for field in fields(CheckDefinition) if field.name != "dependencies")


def check_row(change: CheckChange) -> dict[str, Any]:
    """A check's own columns."""
    row = {name: getattr(change.definition, name) for name in _CHECK_FIELDS}
    row.update(
        id=change.id,
        severity=change.definition.severity.value,
        degraded_severity=change.definition.degraded_severity.value,
        config=dict(change.definition.config),
        labels=dict(change.definition.labels),
        thresholds=dict(change.definition.thresholds),
        forecasts=dict(change.definition.forecasts),
        anomalies=dict(change.definition.anomalies),
    )
    return row


def section_row(item: Any) -> dict[str, Any]:
    """The own columns of what is one row of one of the tables."""
    return _ROWS[type(item)](item)


def read_snapshot(connection: Connection) -> Snapshot:
    """Everything that is stored, of every source."""

    def stored(table: Table, definition_of: Callable[[Any], Item]) -> dict[str, Stored[Item]]:
        found = connection.execute(select(table))
        can_rest = "is_enabled" in table.c
        return {
            row.name: Stored(definition_of(row), row.managed_by, row.is_enabled if can_rest else True) for row in found
        }

    return Snapshot(
        channels=stored(channels, lambda r: ChannelDefinition(r.name, r.kind, r.config, r.max_concurrency)),
        recipients=stored(recipients, read_recipient),
        teams=stored(teams, read_team),
        schedules=stored(schedules, read_schedule_definition),
        escalation_policies=stored(escalation_policies, read_policy),
        receivers=stored(receivers, _read_receiver),
        time_windows=stored(
            time_windows,
            lambda r: TimeWindowDefinition(r.name, tuple(parse_time_interval(each) for each in r.intervals)),
        ),
        routes=stored(routing, lambda r: RouteDefinition(Route.from_document(r.document), r.position)),
        maintenance=stored(maintenance_windows, _read_maintenance),
        inhibitions=stored(inhibitions, _read_inhibition),
        runbooks=stored(runbooks, lambda r: RunbookDefinition(runbook_from_document(r.document))),
        slos=stored(slos, lambda r: SloDefinition(Slo.from_document(r.document))),
        status_pages=stored(status_pages, lambda r: StatusPageDefinition(StatusPage.from_document(r.document))),
        checks=read_checks(connection),
    )


def _channel_row(item: ChannelDefinition) -> dict[str, Any]:
    config = dict(item.config)
    return {"name": item.name, "kind": item.kind, "config": config, "max_concurrency": item.max_concurrency}


def _receiver_row(item: ReceiverDefinition) -> dict[str, Any]:
    return {
        "name": item.name,
        "recipients": list(item.recipients),
        "channels": list(item.channels),
        "sends_resolved": item.sends_resolved,
        "escalation": item.escalation,
    }


def _time_window_row(item: TimeWindowDefinition) -> dict[str, Any]:
    return {"name": item.name, "intervals": [interval.to_document() for interval in item.intervals]}


def _route_row(item: RouteDefinition) -> dict[str, Any]:
    return {"name": item.name, "position": item.position, "document": item.route.to_document()}


def _maintenance_row(item: MaintenanceDefinition) -> dict[str, Any]:
    return {
        "name": item.name,
        "matchers": _to_documents(item.matchers),
        "window": item.window.to_document(),
        "covers_dependents": item.covers_dependents,
        "comment": item.comment,
        "ended_at": None,  # what is defined anew holds anew
    }


def _inhibition_row(item: InhibitionDefinition) -> dict[str, Any]:
    return {
        "name": item.name,
        "source_matchers": _to_documents(item.source_matchers),
        "target_matchers": _to_documents(item.target_matchers),
        "equal": list(item.equal),
    }


def _runbook_row(item: RunbookDefinition) -> dict[str, Any]:
    runbook = item.runbook
    return {
        "name": runbook.name,
        "automation": runbook.automation.value,
        "team": runbook.team,
        "checks": list(runbook.trigger.checks),
        "has_matchers": bool(runbook.trigger.matchers),
        "document": runbook_to_document(runbook),
    }


_ROWS: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    ChannelDefinition: _channel_row,
    RecipientDefinition: recipient_row,
    TeamDefinition: team_row,
    ScheduleDefinition: schedule_row,
    PolicyDefinition: policy_row,
    ReceiverDefinition: _receiver_row,
    TimeWindowDefinition: _time_window_row,
    RouteDefinition: _route_row,
    MaintenanceDefinition: _maintenance_row,
    InhibitionDefinition: _inhibition_row,
    RunbookDefinition: _runbook_row,
    SloDefinition: lambda item: {"name": item.name, "document": item.slo.to_document()},
    StatusPageDefinition: lambda item: {"name": item.name, "document": item.page.to_document()},
}


def _read_receiver(row: Any) -> ReceiverDefinition:
    recipients, channels = tuple(row.recipients), tuple(row.channels)
    return ReceiverDefinition(row.name, recipients, channels, row.sends_resolved, row.escalation)


def _read_maintenance(row: Any) -> MaintenanceDefinition:
    window = maintenance.from_document(row.window)
    return MaintenanceDefinition(row.name, _matchers(row.matchers), window, row.covers_dependents, row.comment)


def _read_inhibition(row: Any) -> InhibitionDefinition:
    source, target = _matchers(row.source_matchers), _matchers(row.target_matchers)
    return InhibitionDefinition(row.name, source, target, tuple(row.equal))


def _to_documents(matchers: tuple[Matcher, ...]) -> list[dict[str, str]]:
    return [matcher.to_document() for matcher in matchers]


def _matchers(documents: list[dict[str, Any]]) -> tuple[Matcher, ...]:
    return tuple(Matcher.from_document(document) for document in documents)


def read_checks(connection: Connection, slug: str | None = None) -> dict[str, Stored[CheckDefinition]]:
    """All checks that are stored, by slug, or the one of this slug where there is one."""
    parent = checks.alias("parent")
    dependencies = (
        select(check_dependencies.c.check_id, parent.c.slug, check_dependencies.c.redundancy_group)
        .join(parent, parent.c.id == check_dependencies.c.parent_id)
        # What people accepted is theirs: no file says it, and none takes it away.
        .where(check_dependencies.c.accepted_by == "")
    )
    wanted = select(checks)
    if slug is not None:
        wanted = wanted.where(checks.c.slug == slug)
        dependencies = dependencies.where(
            check_dependencies.c.check_id == select(checks.c.id).where(checks.c.slug == slug).scalar_subquery()
        )
    edges: dict[Any, dict[str, str]] = {}
    for row in connection.execute(dependencies):
        edges.setdefault(row.check_id, {})[row.slug] = row.redundancy_group
    return {
        row["slug"]: Stored(
            _read_check(row, edges.get(row["id"], {})),
            row["managed_by"],
            row["is_enabled"],
            row["id"],
            row["is_paused"],
        )
        for row in connection.execute(wanted).mappings()
    }


def _read_check(row: RowMapping, dependencies: Mapping[str, str]) -> CheckDefinition:
    values = {name: row[name] for name in _CHECK_FIELDS}
    values["severity"] = Severity(row["severity"])
    values["degraded_severity"] = Severity(row["degraded_severity"])
    return CheckDefinition(**values, dependencies=dependencies)
