"""The rows: columns only, no behaviour. Times are aware UTC; lengths are intervals."""

from __future__ import annotations

from healthmgr.storage.tables.alerting import (
    alerts,
    deliveries,
    dispatch_tokens,
    dispatches,
    incident_entries,
    incidents,
    notifications,
)
from healthmgr.storage.tables.base import metadata
from healthmgr.storage.tables.checking import check_schedules, check_states, heartbeats, results, transitions
from healthmgr.storage.tables.definitions import (
    channels,
    check_dependencies,
    checks,
    inhibitions,
    maintenance_windows,
    receivers,
    recipients,
    routing,
    time_windows,
)
from healthmgr.storage.tables.eventing import event_positions, events
from healthmgr.storage.tables.muting import silences
from healthmgr.storage.tables.system import access_tokens, audit_entries, periodic_tasks, pulses

__all__ = [
    "access_tokens",
    "alerts",
    "audit_entries",
    "channels",
    "check_dependencies",
    "check_schedules",
    "check_states",
    "checks",
    "deliveries",
    "dispatch_tokens",
    "dispatches",
    "event_positions",
    "events",
    "heartbeats",
    "incident_entries",
    "incidents",
    "inhibitions",
    "maintenance_windows",
    "metadata",
    "notifications",
    "periodic_tasks",
    "pulses",
    "receivers",
    "recipients",
    "results",
    "routing",
    "silences",
    "time_windows",
    "transitions",
]
