"""The rows: columns only, no behaviour. Times are aware UTC; lengths are intervals."""

from __future__ import annotations

from healthmgr.storage.tables.alerting import alerts, deliveries, dispatch_tokens, dispatches, incidents, notifications
from healthmgr.storage.tables.base import metadata
from healthmgr.storage.tables.checking import check_schedules, check_states, heartbeats, results, transitions
from healthmgr.storage.tables.definitions import channels, check_dependencies, checks, recipients, routes
from healthmgr.storage.tables.eventing import event_positions, events
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
    "incidents",
    "metadata",
    "notifications",
    "periodic_tasks",
    "pulses",
    "recipients",
    "results",
    "routes",
    "transitions",
]
