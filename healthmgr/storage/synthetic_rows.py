"""The synthetic notification's rows: its trials among the signs of life, its alert and its one incident."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, text

from healthmgr.domain.check import Status
from healthmgr.domain.dispatch import Due
from healthmgr.domain.plan import Plan, Target
from healthmgr.domain.synthetic import (
    CHANNEL,
    CHANNEL_KIND,
    FINGERPRINT,
    GROUPING,
    INCIDENT_NUMBER,
    KEPT_FOR,
    LABELS,
    NAME,
    ORIGIN,
    RECIPIENT,
    SEVERITY,
    Trials,
    plan,
)
from healthmgr.services.synthesizing import SynthesizingTransaction
from healthmgr.storage.alert_rows import AlertRows, NewAlert, close_alerts
from healthmgr.storage.notification_rows import new_id

_TRIALS = text("SELECT detail FROM pulses WHERE kind = 'synthetic'")
_LOCK = text("SELECT detail FROM pulses WHERE kind = 'synthetic' FOR UPDATE")

_SAVE = text("""
INSERT INTO pulses (kind, name, at, detail) VALUES ('synthetic', 'synthetic', :now, :detail)
ON CONFLICT (kind, name) DO UPDATE SET at = EXCLUDED.at, detail = EXCLUDED.detail
""")

_FORGET = text("DELETE FROM pulses WHERE kind = 'synthetic'")

_SENT_AT = text("""
SELECT min(n.sent_at) FROM notifications n JOIN incidents i ON i.id = n.incident_id
WHERE i.number = :number AND n.recipient = :recipient AND n.created_at >= :since AND n.state = 'sent'
""")

_ADDRESS = text("SELECT contacts->>:channel FROM recipients WHERE name = :recipient AND is_enabled")

_MAKE_CHANNEL = text("""
INSERT INTO channels (name, kind, config, max_concurrency, is_enabled, managed_by, updated_at)
VALUES (:name, :kind, '{}', 1, true, 'healthmgr', :now)
ON CONFLICT (name) DO NOTHING
""")

# It is there before it is first needed, so that it is opened again and takes no number of people's incidents.
_MAKE_INCIDENT = text("""
INSERT INTO incidents (id, number, group_key, severity, opened_at, resolved_at, episode, round, plan)
OVERRIDING SYSTEM VALUE
VALUES (:id, :number, :group_key, :severity, :now, :now, 0, 0, '{}')
ON CONFLICT (number) DO NOTHING
""")

_OPEN_IDS = text("SELECT id FROM alerts WHERE fingerprint = :fingerprint AND resolved_at IS NULL")

_CLEAR = (
    text("""
    DELETE FROM notifications WHERE due_at IS NULL AND created_at < :before AND recipient = :recipient
      AND incident_id = (SELECT id FROM incidents WHERE number = :number)
    """),
    text("""
    DELETE FROM incident_entries
    WHERE at < :before AND incident_id = (SELECT id FROM incidents WHERE number = :number)
    """),
    text("DELETE FROM alerts WHERE fingerprint = :fingerprint AND resolved_at < :before"),
)


class SyntheticRows(SynthesizingTransaction):
    """The synthetic notification within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def trials(self) -> Trials | None:
        document = self._connection.execute(_LOCK).scalar()
        return Trials.from_document(document) if document else None

    def sent_at(self, since: datetime) -> datetime | None:
        found: datetime | None = self._connection.execute(
            _SENT_AT, {"number": INCIDENT_NUMBER, "recipient": RECIPIENT, "since": since}
        ).scalar()
        return found

    def address(self, recipient: str, channel: str) -> str | None:
        found: str | None = self._connection.execute(_ADDRESS, {"recipient": recipient, "channel": channel}).scalar()
        return found

    def begin(self, trials: Trials, now: datetime) -> list[Due]:
        self._save(trials, now)
        if trials.target.channel == CHANNEL:
            self._connection.execute(_MAKE_CHANNEL, {"name": CHANNEL, "kind": CHANNEL_KIND, "now": now})
        make_own_incident(self._connection, now)
        new = NewAlert(
            fingerprint=FINGERPRINT,
            labels=LABELS,
            severity=SEVERITY,
            status=Status.UNHEALTHY,
            summary="made up by healthmgr, to see whether notifications arrive",
            started_at=now,
            origin=ORIGIN,
            name=NAME,
        )
        _, dues = AlertRows(self._connection).open(new, ORIGIN, now)
        facts = {"before": now - KEPT_FOR, "number": INCIDENT_NUMBER, "fingerprint": FINGERPRINT}
        facts |= {"recipient": RECIPIENT}
        for statement in _CLEAR:
            self._connection.execute(statement, facts)
        return dues

    def end(self, trials: Trials, resolution: str, now: datetime) -> list[Due]:
        self._save(trials, now)
        return self._close(resolution, now)

    def forget(self, resolution: str, now: datetime) -> list[Due]:
        self._connection.execute(_FORGET)
        return self._close(resolution, now)

    def _save(self, trials: Trials, now: datetime) -> None:
        self._connection.execute(_SAVE, {"now": now, "detail": json.dumps(trials.to_document())})

    def _close(self, resolution: str, now: datetime) -> list[Due]:
        ids = self._connection.execute(_OPEN_IDS, {"fingerprint": FINGERPRINT}).scalars().all()
        return close_alerts(self._connection, ids, now, resolution=resolution, status=Status.HEALTHY.value)


def make_own_incident(connection: Connection, now: datetime) -> None:
    """See that there is the incident on which everything lies that is about none of people's."""
    group = {"number": INCIDENT_NUMBER, "group_key": GROUPING.key, "severity": SEVERITY.value}
    connection.execute(_MAKE_INCIDENT, group | {"id": new_id(), "now": now})


def read_trials(connection: Connection) -> Trials | None:
    """What is known of the trials so far; None while there are none."""
    document = connection.execute(_TRIALS).scalar()
    return Trials.from_document(document) if document else None


def read_plan(connection: Connection) -> Plan:
    """Who is told of the trial that is under way."""
    trials = read_trials(connection)
    return plan(trials.target if trials else Target(RECIPIENT, CHANNEL, ""))
