"""Values for examples in the OpenAPI document, by the names of fields: one story, of a shop whose database fails.

A field of one object alone is written `Object.field`. What fits
a field's schema is taken; the rest is made of the schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SHOP, _DATABASE, _ALICE, _BOB, _MAIL = "shop", "database", "alice", "bob", "mail"
_BROKEN = "connection refused"
_LABELS = {"check": _DATABASE, "service": _SHOP}
_ID = "019ab3c0-0000-7000-8000-000000000001"
_AT = "2026-11-24T03:12:05Z"
_LATER = "2026-11-24T04:12:05Z"
_SOME_NIGHT, _ITS_MORNING = "2036-11-24T22:00:00Z", "2036-11-25T06:00:00Z"  # not over while anybody tries it
_NONE: list[Any] = []

BY_FORMAT: Mapping[str, str] = {"date-time": _AT, "uuid": _ID, "duration": "PT30S", "password": "four plain words here"}

BY_MEDIA_TYPE: Mapping[str, str] = {
    "text/markdown": "# Incident 12: database is unhealthy\n\nOpened 2026-11-24 03:12 UTC, over after 60 minutes.\n",
    "text/event-stream": 'id: 42\nevent: incident_opened\ndata: {"number": 12, "severity": "critical"}\n\n',
    "text/plain": "flowchart TD\n  shop --> database\n",
}

_TIMES: Mapping[str, Any] = {
    "starts_at": _SOME_NIGHT, "ends_at": _ITS_MORNING, "given_from": _SOME_NIGHT, "given_to": _ITS_MORNING,
    "taken_from": _SOME_NIGHT, "taken_to": _ITS_MORNING, "acknowledged_until": _LATER,
    "expires_at": "2030-01-31T12:00:00Z", "ended_at": _LATER, "finished_at": _LATER, "until": _LATER,
    "wanted_until": _LATER, "resolved_at": None, "resolved_by": None, "snoozed_until": None, "quiet_until": None,
    "retry_after": None, "failing_since": None, "WebhookView.held_until": None,
}  # fmt: skip

_WHO: Mapping[str, Any] = {
    "acknowledged_by": _ALICE, "actor": _ALICE, "added": _BOB, "approvers": [_ALICE, _BOB], "assigned_by": _ALICE,
    "assignee": _ALICE, "author": _ALICE, "by": "ci", "cancelled_by": "", "changed_by": _ALICE, "created_by": _ALICE,
    "decided_by": _ALICE, "display_name": "Alice", "done_by": _BOB, "marked_by": _ALICE, "next": [_BOB],
    "on_call": [_ALICE], "people": [_ALICE], "person": _ALICE, "policies": ["standard"], "policy": "standard",
    "proposed_by": _ALICE, "proposed_to": _BOB, "recipient": _ALICE, "removed": _ALICE, "reported": "delivered",
    "started_by": _ALICE, "subscribers": [_BOB], "team": "web", "teams": ["web"], "thrown_by": _ALICE, "to": _ALICE,
    "wanted_by": _ALICE, "default": "default", "SpanView.people": [_ALICE], "ScheduleLineView.on_call": [_ALICE],
    "ScheduleLineView.next": _BOB,
}  # fmt: skip

_WHAT: Mapping[str, Any] = {
    "about": "Asks an address over HTTP.", "absence": "", "action": "incident.acknowledge", "active_during": _NONE,
    "address": "alice@example.com", "alert_id": _ID, "annotations": {"dashboard": "https://grafana.example/d/shop"},
    "because": 'severity="critical"', "because_of": _DATABASE, "category": "web", "cause": "", "channel": _MAIL,
    "channel_kind": "email", "channels": [_MAIL], "check": _DATABASE, "check_name": "Database", "code": "482913",
    "comment": "Restarted the pool, watching it.", "consumed_by": "celery@worker-1",
    "critical_path": [_SHOP, _DATABASE], "depends_on": [_DATABASE], "description": "The orders of the shop.",
    "detail": "250 queued as 4Tq3", "does": "restart", "drained": _NONE, "escalation": "standard", "evidence": _NONE,
    "explanation": "grows by 0.4 an hour", "failure": "", "fault": "", "faults": _NONE,
    "flower_url": "http://127.0.0.1:5555", "group": 'default:service="shop"', "group_by": ["service"],
    "groups": ["Shop"], "hanging": [_SHOP], "held_reason": "", "hours": ["22:00 to 06:00"],
    "html": "<p>database is unhealthy</p>", "id": _ID, "instance": "shop-1", "is_for": "check",
    "key": 'service="shop"', "kind": "http", "labels": _LABELS, "last_detail": "42 files saved", "last_fault": "",
    "last_message": _BROKEN, "last_kind": "success", "last_metrics": {"connections": 93.0}, "lesson": "learned",
    "link": "https://ci.example/42", "managed_by": "healthmgr.yaml", "matchers": ["service=shop"], "message": _BROKEN,
    "method": "password", "metric": "response_time", "metrics": {"connections": 93.0}, "missing_parameters": _NONE,
    "mute_during": _NONE, "mute_reason": "", "muted_by": "", "name": _SHOP, "new_status": "unhealthy",
    "next_cursor": "MDE5YWIzYzA", "old_status": "healthy", "on_failure": "stop", "origin": "api 10.0.0.7",
    "outcome": "accepted", "output": "restarted", "parent": _DATABASE, "passed": "", "path": "default/critical",
    "provider_id": "4Tq3", "question": "Restart the database?", "queues": ["checks", "evaluation"],
    "reason": "first_notification", "receiver": "", "recovery_procedure": "restart-database", "redundancy_group": "",
    "resolution": "", "role": "responder", "route": "critical", "runbook": "restart-database",
    "runbook_url": "https://wiki.example.com/database", "says": "probe", "schedule": "primary",
    "schedules": ["primary"], "scope": "", "scopes": ["checks:read"], "seen": "steady",
    "sent": "Subject: database is unhealthy", "service": _SHOP, "services": [_SHOP], "severities": ["low"],
    "severity": "critical", "since": _AT, "slug": _DATABASE, "source": "default", "source_url": "",
    "state_reason": "", "starts": "by hand", "state": "open", "status": "unhealthy", "step": "restart",
    "steps": ["service_restart"], "subject": "Critical: database is unhealthy (#12)", "summary": _BROKEN,
    "suppressed_by": None, "target": "12", "text": "database is unhealthy: connection refused",
    "timezone": "Europe/Berlin", "title": "Database is unhealthy",
    "token": "hm_shown_once_and_never_again_1234567890abcdef", "told": "alice over mail", "trigger": "person",
    "type": "incident_opened", "undoing": _NONE, "unit": "seconds", "url": "https://hooks.example.com/healthmgr",
    "version": "2.1", "waits": "", "what": "alice over mail", "why": "The switch was slow, the shop was not.",
    "window": "30d", "windows": ["nights"], "weakened": [_SHOP], "checks": [_SHOP],
    "words": "connection refused for 2 minutes", "worker": "celery@worker-1", "automation": "manual",
    "interval": "5m", "group_interval": "5m", "group_wait": "30s", "repeat_interval": "4h", "cadence": "4h",
    "wait": "30s", "long": "1h", "short": "5m", "good": "healthy",
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=", "types": ["incident_opened"],
    "body": {"type": "incident_opened", "timestamp": _AT, "data": {"number": 12}}, "TryView.words": "taken",
    "healthmgr__views_events__DeliveryView.state": "delivered", "healthmgr__views_events__DeliveryView.reason": "",
    "value": "5m", "threshold": "> 90", "TestedChannel.detail": "250 queued as 4Tq3",
    "TransitionView.reason": "hard_change", "AlertView.state": "firing", "NotificationView.state": "sent",
    "NotificationView.kind": "problem", "RunView.state": "succeeded", "ApprovalView.state": "open",
    "SilenceView.state": "active", "MaintenanceView.state": "active", "SwapView.state": "proposed",
    "SuggestionView.state": "open", "CreatedToken.name": "grafana", "TokenView.name": "grafana",
    "Myself.name": "grafana", "UserView.name": "ada", "ChannelView.name": _MAIL, "ChannelView.kind": "email",
    "PersonView.name": _ALICE, "KindView.kind": "http", "QueueView.name": "checks",
    "WorkerView.name": "celery@worker-1", "PartView.name": "beat", "PartView.message": "", "PartHealth.name": "beat",
    "PartHealth.message": "", "Readyz.message": "", "Figure.words": "in time 119 of 120 times",
    "ForecastView.words": "connections will pass 90 in 9 h", "SloView.kind": "availability", "RateView.rate": 0.9,
    "FallenView.check": _SHOP, "EdgeView.check": _SHOP, "SuggestionView.check": _SHOP, "InstanceView.reason": "",
    "RunView.reason": "started_by_a_person", "RunView.words": "repaired", "RunEntryView.reason": "",
    "ActionView.action": "acknowledge", "healthmgr__views_insight__ChangeView.title": "Deploy shop 2.1",
    "healthmgr__views_insight__ChangeView.source": "api", "AnnouncementView.title": "Orders fail",
    "TaskView.title": "Call the vendor", "UpdateView.message": "Orders fail. We are looking for the cause.",
    "InstanceView.words": "healthy", "InstanceView.instance": "shop-1", "CheckView.name": "Database",
    "CheckLine.name": "Database", "TimesView.name": "all", "BoardLine.name": "Database", "BlastNode.name": "Database",
    "NeighbourLine.name": "Database", "CheckView.description": "Answers a query.", "CheckView.depends_on": ["disk"],
    "HappeningView.words": "far above its usual band", "QueueView.message": "", "WorkerView.message": "",
    "SettingView.name": "HEALTHMGR_PORT", "FieldView.type": "text", "FieldView.name": "url", "FieldView.default": "",
    "ScheduleView.name": "primary", "ScheduleLineView.name": "primary", "RunbookView.name": "restart-database",
    "RunbookLineView.name": "restart-database", "SloView.name": "shop-works", "MaintenanceView.name": "move-of-shop",
    "SeriesView.metrics": ["response_time"], "EntryView.kind": "acknowledged", "CauseView.kind": "dependency",
    "EvidenceView.kind": "failed_before", "PlannedLeg.to": [_ALICE],
    "CalendarView.address": "https://hm.example.com/calendars/schedule/primary/6f1c.ics", "SessionView.name": "ada",
    "PingAddress.url": "https://hm.example.com/ping/nightly-backup/6f1c", "AuditView.target": "12",
    "WhoView.default": [_ALICE], "WhoLevelView.passed": "", "RouteView.matchers": ['severity="critical"'],
}  # fmt: skip

_HOW_MUCH: Mapping[str, Any] = {
    "acknowledged": 1, "active": 2, "after": 0.0, "age": 1.2, "alerts": 1, "attempt": 3, "attempts": 1, "beats": 50,
    "average_response_time": 84.2, "budget_left": 0.73, "candidate_count": 0, "certificate_days": 61.5,
    "confidence": 0.83, "count": 120, "degraded": 2, "delay": 300.0, "depth": 3, "down_for": 120.0, "ended": 2,
    "episode": 1, "event_id": 42, "EventView.id": 42, "TryView.status": 200, "has_more": False, "is_reset": False,
    "expected_at_horizon": 97.0, "factor": 14.4, "failed_checks": 1, "failures": 0, "healthy": 2876,
    "horizon": 86400.0, "impacted": 1, "in_maintenance": 0, "incident_number": 12, "interval": 30.0, "lag": 20.0,
    "last_response_time": 0.084, "lasted_for": 120.0, "lasting": 900.0, "lasts_for": 2592000.0, "late": 0.2,
    "window": 604800.0, "level": 0.9993, "lift": 120.0, "max": 0.31, "max_attempts": 3, "max_concurrency": 4,
    "mean": 0.084, "min": 0.051, "missed": 0, "mtta": 95.0, "mttd": 48.0, "mttr": 1260.0, "needed": 1,
    "next_after": 42, "nights": 2.0, "notification_lag": 0.0, "notifications": 3, "number": 12, "objective": 0.999,
    "open_alerts": 1, "opened_last_day": 4, "over": 86400.0, "over_long": 14.6, "over_short": 15.2, "p50": 0.08,
    "p95": 0.12, "p99": 0.2, "pending": 0, "pending_notifications": 0, "people": {"alice": 1}, "per_hour": 0.4,
    "ping_count": 30, "points": 288, "r_squared": 0.97, "rate": 0.9, "resolved": 1, "response_time": 0.084,
    "retries": 0, "retry_interval": 10.0, "rollup_lag": 12.0, "round": 0, "run_number": 7, "schedule_lag": 0.1,
    "score": 6.2, "sent_last_day": 9, "sequence": 2880, "step": 300.0, "successful_checks": 9, "suppressed": 0,
    "target": 60.0, "threshold": 3.5, "timeout": 5.0, "together": 5, "took": 0.084, "total": 10, "total_checks": 10,
    "unacknowledged_alerts": 1, "unhealthy": 2, "unknown": 0, "uptime": 0.9993, "uptime_with_maintenance": 0.9991,
    "urgent": 3, "value": 0.31, "version": 1, "weekends": 1.0, "weight": 1, "of": 5, "is_example": False,
    "is_permanent": False, "is_ambiguous": False, "is_paused": False, "is_flapping": False,
    "by_severity": {"critical": 1, "high": 1}, "by_status": {"healthy": 9, "unhealthy": 1}, "counts": {"healthy": 9},
    "burn_rates": {"1h": 0.4}, "expected": [0.05, 0.12], "means": [0.081, 0.084, None], "left_out": [0, 2],
    "thresholds": {"unhealthy": {"connections": "> 90"}}, "incidents": [12, 13], "is_over": False,
    "StatusView.checks": {"healthy": 9, "unhealthy": 1}, "StatusView.open_alerts": {"critical": 1},
    "definition": {"steps": [{"service_restart": _DATABASE}]}, "parameters": {"unit": "postgresql"},
    "facts": {"rows": 1}, "data": {"number": 12}, "document": {"steps": _NONE}, "series": [[_AT, 88.2]],
    "ApprovalView.number": 3, "TaskView.number": 1, "AnnouncementView.number": 4,
}  # fmt: skip

# A name may mean a text here and a number there: the first that fits is taken.
_GROUPS = (_TIMES, _WHO, _WHAT, _HOW_MUCH)
BY_NAME: Mapping[str, Sequence[Any]] = {
    name: [group[name] for group in _GROUPS if name in group] for name in dict.fromkeys(n for g in _GROUPS for n in g)
}
