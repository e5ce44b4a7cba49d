"""What Alertmanager's API tells: open alerts with the routes and mutes that hold now."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, text

from healthmgr.domain import synthetic
from healthmgr.domain.alertmanager import Board, OpenAlert
from healthmgr.domain.check import Severity
from healthmgr.domain.directory import Directory
from healthmgr.domain.plan import Leg
from healthmgr.storage.directory_rows import read_directory
from healthmgr.storage.muting_rows import read_closed, read_mutes
from healthmgr.storage.transactions import transaction

_OPEN = text("""
SELECT id, check_id, origin, labels, severity, summary, annotations, source_url, updated_at, ends_at,
       suppressed_by_id, COALESCE(started_at, opened_at) AS started_at
FROM alerts WHERE resolved_at IS NULL AND origin <> :synthetic ORDER BY opened_at, id
""")


class DoorReading:
    """Questions of Alertmanager's API."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def board(self, now: datetime) -> Board:
        """All open alerts but our own trials of ourselves, and what keeps them from being told."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_OPEN, {"synthetic": synthetic.ORIGIN}).mappings()
            alerts = [OpenAlert(**{**row, "severity": Severity(row["severity"])}) for row in rows]
            directory = read_directory(connection)
            legs: dict[str, Leg] = {}
            for alert in alerts:
                for match in directory.matches(alert.subject.labels):
                    if match.name not in legs:
                        legs[match.name] = directory.leg(match)
            closed = read_closed(connection, legs.values(), now)
            return Board(alerts, directory, read_mutes(connection, now), frozenset(closed))

    def directory(self) -> Directory:
        """The routes with their receivers."""
        with transaction(self._engine) as connection:
            return read_directory(connection)
