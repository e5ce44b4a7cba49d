"""What evaluation decided about the alerts of a batch, in a handful of statements however many fail at once."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from healthmgr.domain.alert import Amend, Close, Open
from healthmgr.domain.dispatch import Due
from healthmgr.services.evaluating import AlertMove
from healthmgr.storage.alert_rows import AlertRows, NewAlert, close_alerts
from healthmgr.storage.dispatch_rows import request_dispatches

_GROUPS = text("SELECT check_id, group_key FROM alerts WHERE check_id = ANY(:ids) AND resolved_at IS NULL").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)

_AMEND = text("""
UPDATE alerts a SET severity = n.severity, status = n.status, summary = n.summary, is_flapping = n.is_flapping,
                    updated_at = :now
FROM jsonb_to_recordset(CAST(:alerts AS jsonb)) AS n(
    check_id uuid, severity text, status text, summary text, is_flapping boolean)
WHERE a.check_id = n.check_id AND a.resolved_at IS NULL
""")

_OPEN_OF = text("SELECT check_id, id FROM alerts WHERE check_id = ANY(:ids) AND resolved_at IS NULL").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)


def apply_moves(connection: Connection, alerts: AlertRows, moves: Iterable[AlertMove], now: datetime) -> list[Due]:
    """Write the moves; the dispatches that they make due, each group's once and with its present token."""
    dues: list[Due] = []
    for together in _in_turn(moves):
        dues += _open(alerts, together, now)
        dues += _amend(connection, together, now)
        dues += _close(connection, together, now)
    return list({due.key: due for due in dues}.values())


def _in_turn(moves: Iterable[AlertMove]) -> list[list[AlertMove]]:
    """The moves so that no check has two at once: what a batch says of one is carried out in its order."""
    turns: Counter[UUID] = Counter()
    found: defaultdict[int, list[AlertMove]] = defaultdict(list)
    for move in moves:
        check_id = move.watched.check.id
        found[turns[check_id]].append(move)
        turns[check_id] += 1
    return [found[turn] for turn in sorted(found)]


def _open(alerts: AlertRows, moves: Sequence[AlertMove], now: datetime) -> list[Due]:
    news = [
        (_new(move, move.decision), move.decision.reason.value) for move in moves if isinstance(move.decision, Open)
    ]
    return alerts.open_all(news, now)[1] if news else []


def _new(move: AlertMove, decision: Open) -> NewAlert:
    return NewAlert(
        fingerprint=move.fingerprint,
        labels=move.labels,
        severity=decision.severity,
        status=move.result.status,
        summary=move.result.message,
        started_at=move.watched.state.since_at,
        check_id=move.watched.check.id,
        is_flapping=decision.is_flapping,
    )


def _amend(connection: Connection, moves: Sequence[AlertMove], now: datetime) -> list[Due]:
    amends = [(move, move.decision) for move in moves if isinstance(move.decision, Amend)]
    if not amends:
        return []
    told = {move.watched.check.id: decision.reason.value for move, decision in amends if decision.is_told}
    groups = connection.execute(_GROUPS, {"ids": list(told)}) if told else ()
    dues = request_dispatches(connection, [(row.group_key, now, told[row.check_id]) for row in groups], now)
    documents = [
        {
            "check_id": str(move.watched.check.id),
            "severity": decision.severity.value,
            "status": move.result.status.value,
            "summary": move.result.message,
            "is_flapping": decision.is_flapping,
        }
        for move, decision in amends
    ]
    connection.execute(_AMEND, {"alerts": json.dumps(documents), "now": now})
    return dues


def _close(connection: Connection, moves: Sequence[AlertMove], now: datetime) -> list[Due]:
    closes = {
        move.watched.check.id: (move.decision.reason.value, move.result.status.value)
        for move in moves
        if isinstance(move.decision, Close)
    }
    if not closes:
        return []
    alike: defaultdict[tuple[str, str], list[UUID]] = defaultdict(list)
    for row in connection.execute(_OPEN_OF, {"ids": list(closes)}):
        alike[closes[row.check_id]].append(row.id)
    dues: list[Due] = []
    for (resolution, status), ids in sorted(alike.items()):
        dues += close_alerts(connection, ids, now, resolution=resolution, status=status)
    return dues
