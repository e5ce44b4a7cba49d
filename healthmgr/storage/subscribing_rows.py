"""What calendars that others subscribe to are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from healthmgr.domain.schedule import Schedule
from healthmgr.services.subscribing import SubscribingTransaction
from healthmgr.storage.schedule_rows import read_schedule, read_schedules

_PERSON = text("SELECT EXISTS (SELECT FROM recipients WHERE name = :name AND is_enabled)")

# Every change by a person is on the audit log, also one that leaves no row behind.
_CHANGED_AT = text("""
SELECT max(at) FROM (
    SELECT max(updated_at) AS at FROM schedules WHERE name = ANY(:names)
    UNION ALL SELECT max(changed_at) FROM schedule_feeds WHERE schedule = ANY(:names)
    UNION ALL SELECT max(at) FROM audit_entries WHERE target = ANY(:names) AND action LIKE 'oncall.%'
) AS changes
""").bindparams(bindparam("names", type_=ARRAY(Text)))


class SubscribingRows(SubscribingTransaction):
    """Schedules within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def schedule(self, name: str, begin: datetime, end: datetime) -> Schedule | None:
        return read_schedule(self._connection, name, begin, end)

    def schedules(self, begin: datetime, end: datetime) -> Sequence[Schedule]:
        return read_schedules(self._connection, begin, end)

    def has_person(self, name: str) -> bool:
        return bool(self._connection.execute(_PERSON, {"name": name}).scalar())

    def changed_at(self, schedules: Sequence[str]) -> datetime | None:
        found: datetime | None = self._connection.execute(_CHANGED_AT, {"names": list(schedules)}).scalar()
        return found
