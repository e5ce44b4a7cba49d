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
from healthmgr.storage.tables.balancing import balancing
from healthmgr.storage.tables.base import metadata
from healthmgr.storage.tables.checking import check_schedules, check_states, heartbeats, results, transitions
from healthmgr.storage.tables.commanding import incident_links, incident_roles, incident_subscribers, incident_tasks
from healthmgr.storage.tables.definitions import (
    channels,
    check_dependencies,
    checks,
    inhibitions,
    maintenance_windows,
    receivers,
    recipients,
    routing,
    runbooks,
    time_windows,
)
from healthmgr.storage.tables.eventing import event_positions, events
from healthmgr.storage.tables.foreseeing import changes, dependency_suggestions, forecasts, incident_causes
from healthmgr.storage.tables.measuring import (
    metric_changes,
    metric_days,
    metric_hours,
    metric_minutes,
    metric_progress,
    metric_series,
    slos,
)
from healthmgr.storage.tables.muting import silences
from healthmgr.storage.tables.oncall import (
    contact_checks,
    escalation_policies,
    schedule_feeds,
    schedule_overrides,
    schedules,
    shift_swaps,
    teams,
    temporary_schedules,
)
from healthmgr.storage.tables.promising import audited_minutes, false_alerts
from healthmgr.storage.tables.publishing import announcement_updates, announcements, status_pages
from healthmgr.storage.tables.recovering import (
    approval_votes,
    approvals,
    breakers,
    kill_switches,
    recovery_calls,
    run_entries,
    run_steps,
    runs,
)
from healthmgr.storage.tables.system import access_tokens, audit_entries, periodic_tasks, pulses, sessions

__all__ = [
    "access_tokens",
    "alerts",
    "announcement_updates",
    "announcements",
    "approval_votes",
    "approvals",
    "audit_entries",
    "audited_minutes",
    "balancing",
    "breakers",
    "changes",
    "channels",
    "check_dependencies",
    "check_schedules",
    "check_states",
    "checks",
    "contact_checks",
    "deliveries",
    "dependency_suggestions",
    "dispatch_tokens",
    "dispatches",
    "escalation_policies",
    "event_positions",
    "events",
    "false_alerts",
    "forecasts",
    "heartbeats",
    "incident_causes",
    "incident_entries",
    "incident_links",
    "incident_roles",
    "incident_subscribers",
    "incident_tasks",
    "incidents",
    "inhibitions",
    "kill_switches",
    "maintenance_windows",
    "metadata",
    "metric_changes",
    "metric_days",
    "metric_hours",
    "metric_minutes",
    "metric_progress",
    "metric_series",
    "notifications",
    "periodic_tasks",
    "pulses",
    "receivers",
    "recipients",
    "recovery_calls",
    "results",
    "routing",
    "run_entries",
    "run_steps",
    "runbooks",
    "runs",
    "schedule_feeds",
    "schedule_overrides",
    "schedules",
    "sessions",
    "shift_swaps",
    "silences",
    "slos",
    "status_pages",
    "teams",
    "temporary_schedules",
    "time_windows",
    "transitions",
]
