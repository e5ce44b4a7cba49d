"""Silences, maintenance windows and inhibitions as they hold now; and looking again when one of them changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text, Uuid

from healthmgr.domain.alert import check_labels
from healthmgr.domain.check import Severity
from healthmgr.domain.incident import all_labels
from healthmgr.domain.maintenance import Window, from_document
from healthmgr.domain.maintenance_window import open_occurrence
from healthmgr.domain.matcher import Matcher, match_all
from healthmgr.domain.muting import ActiveMaintenance, ActiveSilence, Inhibition, Mutes, Subject
from healthmgr.domain.notification import MUTES
from healthmgr.domain.plan import Leg
from healthmgr.domain.route_hours import closed
from healthmgr.domain.timewindow import TimeInterval, parse_time_interval

_SILENCES = text("SELECT id, matchers, ends_at FROM silences WHERE starts_at <= :now AND ends_at > :now ORDER BY id")

_MAINTENANCE = text("""
SELECT name, matchers, "window", covers_dependents, ended_at FROM maintenance_windows WHERE is_enabled ORDER BY name
""")

_INHIBITIONS = text("SELECT name, source_matchers, target_matchers, equal FROM inhibitions ORDER BY name")

_FIRING = text("""
SELECT id, labels, severity, origin, check_id FROM alerts
WHERE resolved_at IS NULL AND suppressed_by_id IS NULL AND origin <> 'synthetic' ORDER BY opened_at, id
""")

_CHECKS = text("SELECT id, slug, service, category, severity, labels FROM checks WHERE is_enabled")

_BELOW = text("""
WITH RECURSIVE below AS (
    SELECT check_id FROM check_dependencies WHERE parent_id = ANY(:ids)
    UNION
    SELECT d.check_id FROM check_dependencies d JOIN below ON below.check_id = d.parent_id
)
SELECT check_id FROM below
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_WINDOWS = text("SELECT name, intervals FROM time_windows WHERE name = ANY(:names)").bindparams(
    bindparam("names", type_=ARRAY(Text))
)

# What is held back because of a mute is due now; the sweep reminds of it. Dispatches come first, then incidents, then
# notifications, each in the order of their keys: whoever else wants these rows takes them so.
_RECONSIDER = (
    text("""
    WITH held AS (
        SELECT group_key FROM dispatches WHERE reason = ANY(CAST(:reasons AS text[]))
        ORDER BY group_key COLLATE "C" FOR UPDATE
    )
    UPDATE dispatches d SET due_at = LEAST(d.due_at, :now), token = nextval('dispatch_tokens'), armed_until = NULL,
                            arm_count = 0
    FROM held WHERE d.group_key = held.group_key
    """),
    text("""
    WITH held AS (
        SELECT id FROM incidents WHERE resolved_at IS NULL AND acknowledged_at IS NULL AND held_reason <> ''
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE incidents i SET
        due_at = LEAST(due_at, :now),
        round_at = CASE WHEN round_at <= due_at THEN LEAST(round_at, :now) ELSE round_at END,
        climb_at = CASE WHEN climb_at <= due_at THEN LEAST(climb_at, :now) ELSE climb_at END,
        token = token + 1, armed_until = NULL, arm_count = 0
    FROM held WHERE i.id = held.id
    """),
    text("""
    WITH held AS (
        SELECT id FROM notifications
        WHERE state = 'pending' AND state_reason = ANY(CAST(:reasons AS text[])) ORDER BY id FOR UPDATE
    )
    UPDATE notifications n SET due_at = LEAST(n.due_at, :now), armed_until = NULL, arm_count = 0
    FROM held WHERE n.id = held.id
    """),
)


def read_mutes(connection: Connection, now: datetime) -> Mutes:
    """All that mutes at this instant."""
    inhibitions = tuple(
        Inhibition(row.name, to_matchers(row.source_matchers), to_matchers(row.target_matchers), tuple(row.equal))
        for row in connection.execute(_INHIBITIONS)
    )
    return Mutes(
        silences=tuple(
            ActiveSilence(row.id, to_matchers(row.matchers), row.ends_at)
            for row in connection.execute(_SILENCES, {"now": now})
        ),
        maintenance=tuple(_open_windows(connection, now)),
        inhibitions=inhibitions,
        firing=_firing(connection) if inhibitions else (),
    )


def read_closed(connection: Connection, legs: Iterable[Leg], now: datetime) -> Mapping[str, datetime | None]:
    """The routes of these legs that hold their peace now, and when that may end."""
    legs = list(legs)
    names = sorted({name for leg in legs for name in (*leg.mute_during, *leg.active_during)})
    return closed(legs, read_windows(connection, names), now)


def read_windows(connection: Connection, names: Sequence[str]) -> Mapping[str, Sequence[TimeInterval]]:
    """These time windows by name; those that are not defined are left out."""
    if not names:
        return {}
    rows = connection.execute(_WINDOWS, {"names": list(names)})
    return {row.name: [parse_time_interval(interval) for interval in row.intervals] for row in rows}


def to_subject(row: Any) -> Subject:
    """An alert as mutes see it, out of a row with its id, labels, severity, origin and check_id."""
    return Subject(row.id, all_labels(row.labels, Severity(row.severity), row.origin), row.check_id)


def reconsider(connection: Connection, now: datetime) -> None:
    """Have all that a mute holds back judged again: called in the transaction that changes what mutes."""
    for statement in _RECONSIDER:
        connection.execute(statement, {"now": now, "reasons": sorted(reason.value for reason in MUTES)})


def to_matchers(documents: Sequence[Mapping[str, Any]]) -> tuple[Matcher, ...]:
    """Matchers as they are stored."""
    return tuple(Matcher.from_document(document) for document in documents)


def _open_windows(connection: Connection, now: datetime) -> Iterable[ActiveMaintenance]:
    for row in connection.execute(_MAINTENANCE).all():
        occurrence = open_occurrence(_window(json.dumps(row.window, sort_keys=True)), row.ended_at, now)
        if occurrence is None:
            continue
        matchers = to_matchers(row.matchers)
        below = covered(connection, matchers) if row.covers_dependents else frozenset()
        yield ActiveMaintenance(row.name, matchers, occurrence.ends_at, below)


@lru_cache(maxsize=1000)
def _window(document: str) -> Window:
    """A rule is taken apart once in a process: the same windows are asked at every judgement."""
    return from_document(json.loads(document))


def covered(connection: Connection, matchers: Sequence[Matcher]) -> frozenset[UUID]:
    """The checks that hang, however far away, on those that the matchers name."""
    named = []
    for row in connection.execute(_CHECKS):
        labels = check_labels(row.slug, row.service, row.category, row.labels)
        if match_all(matchers, all_labels(labels, Severity(row.severity), "healthmgr")):
            named.append(row.id)
    return frozenset(connection.execute(_BELOW, {"ids": named}).scalars())


def _firing(connection: Connection) -> tuple[Subject, ...]:
    return tuple(to_subject(row) for row in connection.execute(_FIRING))
