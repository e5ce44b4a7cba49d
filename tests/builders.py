"""Rows for tests, put straight into the tables: each builder fills in what its caller does not say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, Engine, Table, insert, select, text

from healthmgr.domain.check import stable_phase
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.plan import Leg, Plan
from healthmgr.domain.routing_tree import Route
from healthmgr.domain.runbook import Runbook
from healthmgr.domain.runbook_document import runbook_to_document
from healthmgr.storage import tables

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

_CHECK = {
    "kind": "http",
    "config": {"url": "http://127.0.0.1:1/"},
    "interval": timedelta(seconds=60),
    "timeout": timedelta(seconds=10),
    "retry_interval": timedelta(seconds=15),
    "max_attempts": 3,
    "success_threshold": 1,
    "severity": "high",
    "degraded_severity": "medium",
    "detects_flapping": True,
    "is_enabled": True,
    "managed_by": "test",
    "created_at": NOW,
    "updated_at": NOW,
}
_MANAGED = {"managed_by": "test", "updated_at": NOW}
_SCHEDULE = {"cause": "slot", "next_due_at": NOW + timedelta(seconds=30)}
_PLAN = Plan({}, Leg("default", (), timedelta(minutes=30))).to_document()
_STATE = {
    "status": "healthy",
    "is_hard": True,
    "attempt": 1,
    "successes": 1,
    "flapping_bits": 0,
    "is_flapping": False,
    "last_sequence": 0,
    "since_at": NOW - timedelta(hours=1),
    "last_result_at": NOW - timedelta(seconds=30),
    "last_message": "fine",
    "last_response_time": 0.012,
}


def new_id() -> UUID:
    """A fresh id, ordered by the time of its making."""
    return uuid_utils.uuid7()


def make_check(engine: Engine, slug: str, **over: Any) -> UUID:
    """A check with its schedule and state (and heartbeats row, if it is one).

    `over` may name any column of the three tables; `depends_on` is a list of slugs that exist.
    """
    with engine.begin() as connection:
        return add_check(connection, slug, **over)


def make_checks(engine: Engine, slugs: Iterable[str], **over: Any) -> list[UUID]:
    """Many checks that are alike, in a few statements; as `make_check`, but without `depends_on`."""
    rows = [_check_rows(slug, over) for slug in slugs]
    with engine.begin() as connection:
        for table, *_ in rows[0]:
            connection.execute(insert(table), [row for found in rows for other, row in found if other is table])
    return [found[0][1]["id"] for found in rows]


def add_check(connection: Connection, slug: str, **over: Any) -> UUID:
    """The same within a transaction of the caller's."""
    depends_on = over.pop("depends_on", ())
    rows = _check_rows(slug, over)
    for table, row in rows:
        _put(connection, table, row)
    check_id: UUID = rows[0][1]["id"]
    for parent in depends_on:
        parent_id = connection.execute(select(tables.checks.c.id).where(tables.checks.c.slug == parent)).scalar_one()
        _put(connection, tables.check_dependencies, {"check_id": check_id, "parent_id": parent_id})
    return check_id


def _check_rows(slug: str, over: Mapping[str, Any]) -> list[tuple[Table, dict[str, Any]]]:
    _refuse_unknown(over, tables.checks, tables.check_schedules, tables.check_states, tables.heartbeats)
    check = {"id": new_id(), "slug": slug, "name": slug.replace("-", " ").capitalize(), **_CHECK}
    check |= _taken(tables.checks, over)
    active = check["is_enabled"] and not check.get("is_paused", False)
    phase = stable_phase(slug, check["interval"])
    schedule = {"check_id": check["id"], "is_active": active, "phase": phase, **_SCHEDULE}
    state = {"check_id": check["id"], **_STATE, "hard_status": over.get("status", "healthy")}
    rows = [
        (tables.checks, check),
        (tables.check_schedules, schedule | _taken(tables.check_schedules, over)),
        (tables.check_states, state | _taken(tables.check_states, over)),
    ]
    if check["kind"] == "heartbeat":
        heartbeat = {"check_id": check["id"], "armed_at": NOW} | _taken(tables.heartbeats, over)
        rows.append((tables.heartbeats, heartbeat))
    return rows


def make_channel(engine: Engine, name: str, **over: Any) -> None:
    """A channel that is enabled, of kind email."""
    row = {"name": name, "kind": "email", "config": {}, "max_concurrency": 2, "is_enabled": True, **_MANAGED}
    _insert(engine, tables.channels, row | over)


def make_runbook(engine: Engine, runbook: Runbook) -> None:
    """A runbook that a file has defined."""
    row = {"name": runbook.name, "automation": runbook.automation.value, "team": runbook.team, "is_enabled": True}
    trigger = {"checks": list(runbook.trigger.checks), "has_matchers": bool(runbook.trigger.matchers)}
    _insert(engine, tables.runbooks, row | trigger | {"document": runbook_to_document(runbook), **_MANAGED})


def make_recipient(engine: Engine, name: str, **contacts: str) -> None:
    """Somebody with an address by channel."""
    row = {"name": name, "display_name": name.capitalize(), "contacts": contacts, "is_enabled": True, **_MANAGED}
    _insert(engine, tables.recipients, row)


def make_receiver(engine: Engine, name: str, to: Iterable[str], via: Iterable[str], **over: Any) -> None:
    """Recipients and channels under one name."""
    row = {"name": name, "recipients": list(to), "channels": list(via), **_MANAGED}
    _insert(engine, tables.receivers, row | over)


def make_route(engine: Engine, route: Route, **over: Any) -> None:
    """A route below the root, or the root itself, by the name "default"."""
    row = {"name": route.name, "position": 0, "document": route.to_document(), **_MANAGED}
    _insert(engine, tables.routing, row | over)


def make_silence(engine: Engine, matchers: str, **over: Any) -> UUID:
    """A silence of an hour from now on."""
    row_id = over.setdefault("id", new_id())
    row = {
        "matchers": [matcher.to_document() for matcher in parse_matchers(matchers)],
        "starts_at": NOW,
        "ends_at": NOW + timedelta(hours=1),
        "created_by": "alice",
        "comment": "work on it",
        "created_at": NOW,
        "updated_at": NOW,
    }
    _insert(engine, tables.silences, row | over)
    return row_id


def make_entry(engine: Engine, incident_id: UUID, kind: str, **over: Any) -> UUID:
    """A line of an incident's timeline."""
    row_id = over.setdefault("id", new_id())
    _insert(engine, tables.incident_entries, {"incident_id": incident_id, "at": NOW, "kind": kind} | over)
    return row_id


def make_incident(engine: Engine, **over: Any) -> UUID:
    """An open incident."""
    row_id = over.setdefault("id", new_id())
    row = {
        "group_key": f"group-{row_id}",
        "severity": "high",
        "opened_at": NOW,
        "episode": 1,
        "round": 0,
        "plan": _PLAN,
    }
    _insert(engine, tables.incidents, row | over)
    return row_id


def make_alert(engine: Engine, check_id: UUID | None, **over: Any) -> UUID:
    """An open alert of a check; of no check, where its id is None: one that came through a door."""
    row_id = over.setdefault("id", new_id())
    row = {
        "fingerprint": f"check:{check_id or row_id}",
        "check_id": check_id,
        "group_key": f"check:{check_id or row_id}",
        "labels": {},
        "severity": "high",
        "status": "unhealthy",
        "summary": "connection refused",
        "opened_at": NOW,
        "updated_at": NOW,
    }
    _insert(engine, tables.alerts, row | over)
    return row_id


def make_notification(engine: Engine, incident_id: UUID, **over: Any) -> UUID:
    """A notification that was sent to ops by e-mail."""
    row_id = over.setdefault("id", new_id())
    row = {
        "incident_id": incident_id,
        "episode": 1,
        "level": 0,
        "round": 0,
        "kind": "problem",
        "reason": "first_notification",
        "severity": "high",
        "recipient": "ops",
        "channel": "inbox",
        "address": "ops@example.com",
        "content": {},
        "state": "sent",
        "created_at": NOW,
        "sent_at": NOW,
    }
    _insert(engine, tables.notifications, row | over)
    return row_id


def make_delivery(engine: Engine, notification_id: UUID, **over: Any) -> UUID:
    """An accepted attempt at a notification."""
    row_id = over.setdefault("id", new_id())
    row = {
        "notification_id": notification_id,
        "attempt": 1,
        "started_at": NOW,
        "finished_at": NOW,
        "outcome": "accepted",
        "worker": "test",
    }
    _insert(engine, tables.deliveries, row | over)
    return row_id


def make_result(engine: Engine, check_id: UUID, **over: Any) -> None:
    """A stored result, in a day table that is made when it is missing."""
    row = {
        "check_id": check_id,
        "started_at": NOW,
        "sequence": 1,
        "status": "healthy",
        "message": "200 OK",
        "response_time": 0.01,
        "metrics": {},
        "cause": "slot",
        "worker": "test",
    } | over
    day = row["started_at"].date()
    name = f"results_{day:%Y%m%d}"
    with engine.begin() as connection:
        bounds = f"FROM ('{day}') TO ('{day + timedelta(days=1)}')"
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF results FOR VALUES {bounds}"))
        _put(connection, tables.results, row)


def make_transition(engine: Engine, check_id: UUID, **over: Any) -> UUID:
    """A change from healthy to unhealthy."""
    row_id = over.setdefault("id", new_id())
    row = {
        "check_id": check_id,
        "at": NOW,
        "sequence": 1,
        "old_status": "healthy",
        "new_status": "unhealthy",
        "is_hard": True,
        "attempt": 3,
        "reason": "hard_failure",
        "message": "connection refused",
    }
    _insert(engine, tables.transitions, row | over)
    return row_id


def make_pulse(engine: Engine, kind: str, name: str, at: datetime = NOW, **detail: Any) -> None:
    """A sign of life of a part of healthmgr itself."""
    _insert(engine, tables.pulses, {"kind": kind, "name": name, "at": at, "detail": detail})


def make_well(engine: Engine, at: datetime = NOW) -> None:
    """A sign of life of everything that has to run."""
    make_pulse(engine, "beat", "beat-1", at)
    make_pulse(engine, "sweep", "beat-1", at)
    for queue in ("checks", "evaluation", "notifications", "escalation", "recovery", "upkeep"):
        make_pulse(engine, "queue", queue, at, depth=0, by="worker-1")
    make_pulse(engine, "worker", "worker-1", at, queues=["checks"])
    make_pulse(engine, "auditor", "auditor", at, findings=[])


def _insert(engine: Engine, table: Table, row: Mapping[str, Any]) -> None:
    with engine.begin() as connection:
        _put(connection, table, row)


def _put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    _refuse_unknown(row, table)
    connection.execute(insert(table).values(**row))


def _taken(table: Table, over: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in over.items() if name in table.c}


def _refuse_unknown(over: Mapping[str, Any], *known: Table) -> None:
    unknown = [name for name in over if not any(name in table.c for table in known)]
    assert not unknown, f"no such column: {', '.join(unknown)}"
