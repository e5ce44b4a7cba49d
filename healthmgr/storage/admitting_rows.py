"""The alerts that came through doors: a batch in a handful of statements, whatever its size.

Rows are locked as everywhere: the requests to judge groups first, in the order of their keys, then alerts by their ids.
Before either, whoever brings an alert takes a lock of its fingerprint's share, so that none is brought twice at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Integer, Text, Uuid
from uuid_utils.compat import uuid7

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.directory import Grouping
from healthmgr.domain.dispatch import Due
from healthmgr.domain.incident import all_labels
from healthmgr.domain.incoming import Admission, IncomingAlert, Standing
from healthmgr.services.admitting import AdmittingTransaction, Moves, Opening, Renewal
from healthmgr.storage.alert_rows import close_alerts
from healthmgr.storage.directory_rows import read_directory
from healthmgr.storage.dispatch_rows import request_dispatch

_SHARES = 64
_LOCK_CLASS = 0x646F6F72  # "door": any fixed number will do, as long as every healthmgr uses the same

# In the order of the array: two who want the same shares take them in the same order.
_TAKE_SHARES = text("SELECT pg_advisory_xact_lock(:lock_class, share) FROM unnest(:shares) AS share").bindparams(
    bindparam("shares", type_=ARRAY(Integer))
)

_STANDING = text("""
SELECT id, fingerprint, group_key, severity, COALESCE(started_at, opened_at) AS started_at, ends_at
FROM alerts WHERE fingerprint = ANY(:fingerprints) AND resolved_at IS NULL
""").bindparams(bindparam("fingerprints", type_=ARRAY(Text)))

_RESOLVED_BY_PEOPLE = text("""
SELECT fingerprint, max(resolved_at) AS resolved_at FROM alerts
WHERE fingerprint = ANY(:fingerprints) AND resolved_by IS NOT NULL AND resolved_at > :since
GROUP BY fingerprint
""").bindparams(bindparam("fingerprints", type_=ARRAY(Text)))

_LOCK = text("SELECT id FROM alerts WHERE id = ANY(:ids) ORDER BY id FOR UPDATE").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)

_OPEN = text("""
INSERT INTO alerts (id, fingerprint, origin, name, group_key, labels, annotations, source_url, severity, status,
                    summary, started_at, opened_at, updated_at, ends_at)
SELECT n.id, n.fingerprint, :origin, n.name, n.group_key, n.labels, n.annotations, n.source_url, n.severity, :status,
       n.summary, n.started_at, :now, :now, n.ends_at
FROM jsonb_to_recordset(CAST(:alerts AS jsonb)) AS n(
    id uuid, fingerprint text, name text, group_key text, labels jsonb, annotations jsonb, source_url text,
    severity text, summary text, started_at timestamptz, ends_at timestamptz)
ON CONFLICT (fingerprint) WHERE resolved_at IS NULL DO NOTHING
""")

# The group stays the one that it was told with.
_RENEW = text("""
UPDATE alerts a SET name = n.name, labels = n.labels, annotations = n.annotations, source_url = n.source_url,
                    severity = n.severity, summary = n.summary, started_at = n.started_at, ends_at = n.ends_at,
                    updated_at = :now
FROM jsonb_to_recordset(CAST(:alerts AS jsonb)) AS n(
    id uuid, name text, labels jsonb, annotations jsonb, source_url text, severity text, summary text,
    started_at timestamptz, ends_at timestamptz)
WHERE a.id = n.id AND a.resolved_at IS NULL
""")

_LAPSED = text("""
SELECT id, fingerprint FROM alerts WHERE resolved_at IS NULL AND ends_at <= :now ORDER BY ends_at LIMIT :limit
""")

# Who is bringing alerts just now may be about to renew these: they are left for the next sweep.
_TRY_SHARES = text("""
SELECT share FROM unnest(:shares) AS share WHERE pg_try_advisory_xact_lock(:lock_class, share)
""").bindparams(bindparam("shares", type_=ARRAY(Integer)))

_STILL_LAPSED = text("""
SELECT id FROM alerts WHERE id = ANY(:ids) AND resolved_at IS NULL AND ends_at <= :now
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))


class AdmittingRows(AdmittingTransaction):
    """The alerts of a door within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def standing(self, fingerprints: Collection[str]) -> Mapping[str, Standing]:
        shares = sorted({_share(fingerprint) for fingerprint in fingerprints})
        self._connection.execute(_TAKE_SHARES, {"lock_class": _LOCK_CLASS, "shares": shares})
        rows = self._connection.execute(_STANDING, {"fingerprints": list(fingerprints)})
        return {
            row.fingerprint: Standing(row.id, row.group_key, Severity(row.severity), row.started_at, row.ends_at)
            for row in rows
        }

    def resolved_by_people(self, fingerprints: Collection[str], since: datetime) -> Mapping[str, datetime]:
        values = {"fingerprints": list(fingerprints), "since": since}
        return {row.fingerprint: row.resolved_at for row in self._connection.execute(_RESOLVED_BY_PEOPLE, values)}

    def carry_out(self, moves: Moves, now: datetime) -> list[Due]:
        groups = self._groups(moves.openings, moves.origin)
        dues = self._request_dispatches(moves, groups, now)
        replaced = [o.decision.replaces.id for o in moves.openings if o.decision.replaces is not None]
        ended = [end.standing.id for end in moves.ends]
        renewed = [renewal.decision.standing.id for renewal in moves.renewals]
        self._connection.execute(_LOCK, {"ids": [*replaced, *ended, *renewed]})
        _close(self._connection, replaced, Admission.LAPSED, now)
        for reason in {end.reason for end in moves.ends}:
            _close(self._connection, [end.standing.id for end in moves.ends if end.reason is reason], reason, now)
        if moves.renewals:
            alerts = [_renewed(renewal) for renewal in moves.renewals]
            self._connection.execute(_RENEW, {"alerts": json.dumps(alerts), "now": now})
        if moves.openings:
            alerts = [_opened(opening, groups[opening.fingerprint].key) for opening in moves.openings]
            facts = {"origin": moves.origin, "status": Status.UNHEALTHY.value, "now": now}
            self._connection.execute(_OPEN, facts | {"alerts": json.dumps(alerts)})
        return dues

    def _groups(self, openings: Sequence[Opening], origin: str) -> dict[str, Grouping]:
        """Where each new alert goes, by fingerprint."""
        if not openings:
            return {}
        directory = read_directory(self._connection)
        found = {}
        for opening in openings:
            alert = opening.alert
            labels = all_labels(alert.labels, alert.severity, origin)
            found[opening.fingerprint] = directory.grouping(labels, alert.severity)
        return found

    def _request_dispatches(self, moves: Moves, groups: Mapping[str, Grouping], now: datetime) -> list[Due]:
        wanted = [
            *((groups[o.fingerprint].key, now + groups[o.fingerprint].wait, o.decision.reason) for o in moves.openings),
            *((o.decision.replaces.group_key, now, Admission.LAPSED) for o in moves.openings if o.decision.replaces),
            *((r.decision.standing.group_key, now, r.decision.reason) for r in moves.renewals if r.decision.is_told),
            *((end.standing.group_key, now, end.reason) for end in moves.ends),
        ]
        return _request(self._connection, wanted, now)


def close_lapsed(connection: Connection, now: datetime, limit: int) -> int:
    """Close the alerts of doors that their source has not renewed in time; how many there were.

    What becomes due is found by the sweep that calls this.
    """
    lapsed = connection.execute(_LAPSED, {"now": now, "limit": limit}).all()
    if not lapsed:
        return 0
    values = {"lock_class": _LOCK_CLASS, "shares": sorted({_share(row.fingerprint) for row in lapsed})}
    mine = set(connection.execute(_TRY_SHARES, values).scalars())
    ids = [row.id for row in lapsed if _share(row.fingerprint) in mine]
    still = connection.execute(_STILL_LAPSED, {"ids": ids, "now": now}).scalars().all()
    _close(connection, still, Admission.LAPSED, now)
    return len(still)


def _close(connection: Connection, ids: Sequence[UUID], reason: Admission, now: datetime) -> None:
    if ids:
        status = Status.HEALTHY.value if reason is Admission.RESOLVED else None
        close_alerts(connection, ids, now, resolution=reason.value, status=status, will_remind=False)


def _request(connection: Connection, wanted: Iterable[tuple[str, datetime, Admission]], now: datetime) -> list[Due]:
    """One request for each group, for the earliest time that anything in it asks for."""
    earliest: dict[str, tuple[datetime, Admission]] = {}
    for group_key, due_at, reason in wanted:
        if group_key not in earliest or due_at < earliest[group_key][0]:
            earliest[group_key] = due_at, reason
    return [
        request_dispatch(connection, group_key, due_at, reason.value, now, will_remind=False)
        for group_key, (due_at, reason) in sorted(earliest.items())
    ]


def _opened(opening: Opening, group_key: str) -> dict[str, Any]:
    alert = opening.alert
    return {
        "id": str(uuid7()),
        "fingerprint": opening.fingerprint,
        "group_key": group_key,
        "severity": alert.severity.value,
        "started_at": alert.starts_at.isoformat(),
        "ends_at": alert.ends_at.isoformat() if alert.ends_at else None,
        **_facts(alert),
    }


def _renewed(renewal: Renewal) -> dict[str, Any]:
    alert, decision = renewal.alert, renewal.decision
    return {
        "id": str(decision.standing.id),
        "severity": alert.severity.value,
        "started_at": decision.started_at.isoformat(),
        "ends_at": decision.ends_at.isoformat() if decision.ends_at else None,
        **_facts(alert),
    }


def _facts(alert: IncomingAlert) -> dict[str, Any]:
    return {
        "name": alert.name,
        "summary": alert.summary,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "source_url": alert.source_url,
    }


def _share(fingerprint: str) -> int:
    """Which of the locks an alert belongs to."""
    return int(fingerprint[:4], 16) % _SHARES
