"""Between the rows of definitions and the definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from healthmgr.definitions.definition import (
    ChannelDefinition,
    CheckDefinition,
    RecipientDefinition,
    RouteDefinition,
    Snapshot,
    Stored,
)
from healthmgr.domain.check import Severity
from healthmgr.services.defining import CheckChange
from healthmgr.storage.tables import channels, check_dependencies, checks, recipients, routes

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
    )
    return row


def read_snapshot(connection: Connection) -> Snapshot:
    """Everything that is stored, of every source."""
    return Snapshot(
        channels={
            row.name: Stored(
                ChannelDefinition(row.name, row.kind, row.config, row.max_concurrency), row.managed_by, row.is_enabled
            )
            for row in connection.execute(select(channels))
        },
        recipients={
            row.name: Stored(
                RecipientDefinition(row.name, row.display_name, row.contacts), row.managed_by, row.is_enabled
            )
            for row in connection.execute(select(recipients))
        },
        routes={
            row.severity: Stored(
                RouteDefinition(
                    row.severity, tuple(row.recipients), tuple(row.channels), row.group_wait, row.repeat_interval
                ),
                row.managed_by,
            )
            for row in connection.execute(select(routes))
        },
        checks=_read_checks(connection),
    )


def _read_checks(connection: Connection) -> dict[str, Stored[CheckDefinition]]:
    parent = checks.alias("parent")
    edges: dict[Any, dict[str, str]] = {}
    for row in connection.execute(
        select(check_dependencies.c.check_id, parent.c.slug, check_dependencies.c.redundancy_group).join(
            parent, parent.c.id == check_dependencies.c.parent_id
        )
    ):
        edges.setdefault(row.check_id, {})[row.slug] = row.redundancy_group
    found = connection.execute(select(checks)).mappings()
    return {
        row["slug"]: Stored(
            _read_check(row, edges.get(row["id"], {})),
            row["managed_by"],
            row["is_enabled"],
            row["id"],
            row["is_paused"],
        )
        for row in found
    }


def _read_check(row: RowMapping, dependencies: Mapping[str, str]) -> CheckDefinition:
    values = {name: row[name] for name in _CHECK_FIELDS}
    values["severity"] = Severity(row["severity"])
    values["degraded_severity"] = Severity(row["degraded_severity"])
    return CheckDefinition(**values, dependencies=dependencies)
