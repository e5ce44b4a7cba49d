"""The calendars of schedules as rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from healthmgr.domain.feed import FeedKind
from healthmgr.domain.ical_import import CalendarShifts
from healthmgr.services.feeding import DueFeed, FeedingTransaction, GoodReading

# Whoever comes second finds them tried already. What was kept of another address is shown, and asked for no more.
_TAKE_DUE = text("""
WITH wanted AS (
    SELECT s.name, s.timezone, k.key AS kind, k.value AS source
    FROM schedules s CROSS JOIN LATERAL jsonb_each_text(s.feeds) AS k WHERE s.is_enabled
), taken AS (
    INSERT INTO schedule_feeds AS f (schedule, kind, source, tried_at)
    SELECT name, kind, source, :now FROM wanted ORDER BY name, kind
    ON CONFLICT (schedule, kind) DO UPDATE SET
        etag = CASE WHEN f.source = EXCLUDED.source THEN f.etag ELSE '' END,
        modified = CASE WHEN f.source = EXCLUDED.source THEN f.modified ELSE '' END,
        source = EXCLUDED.source, tried_at = :now
    WHERE f.tried_at IS NULL OR f.tried_at <= :before OR f.source <> EXCLUDED.source
    RETURNING f.schedule, f.kind, f.source, f.content, f.etag, f.modified
)
SELECT taken.*, wanted.timezone FROM taken JOIN wanted ON wanted.name = taken.schedule AND wanted.kind = taken.kind
ORDER BY taken.schedule, taken.kind
""")

_PEOPLE = text("SELECT name, display_name, contacts, contact_plan FROM recipients WHERE is_enabled ORDER BY name DESC")

_KEEP = text("""
UPDATE schedule_feeds SET
    content = :content, etag = :etag, modified = :modified, shifts = :shifts, unknown = :unknown, read_at = :now,
    changed_at = CASE WHEN shifts = CAST(:shifts AS jsonb) THEN COALESCE(changed_at, :now) ELSE :now END,
    failing_since = NULL, fault = ''
WHERE schedule = :schedule AND kind = :kind AND source = :source
""")

_NOTE_FAULT = text("""
UPDATE schedule_feeds SET
    fault = :fault, failing_since = COALESCE(failing_since, :now), shifts = COALESCE(CAST(:shifts AS jsonb), shifts)
WHERE schedule = :schedule AND kind = :kind AND source = :source
""")


class FeedingRows(FeedingTransaction):
    """The calendars within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take_due(self, before: datetime, now: datetime) -> Sequence[DueFeed]:
        return [
            DueFeed(row.schedule, FeedKind(row.kind), row.source, row.timezone, row.content, row.etag, row.modified)
            for row in self._connection.execute(_TAKE_DUE, {"before": before, "now": now})
        ]

    def people(self) -> Mapping[str, str]:
        """A name goes before what somebody else is called besides; an address that several have is nobody's."""
        rows = self._connection.execute(_PEOPLE).all()
        addresses: dict[str, set[str]] = {}
        for row in rows:
            for address in (*row.contacts.values(), *(contact["address"] for contact in row.contact_plan)):
                if "@" in address:
                    addresses.setdefault(address.casefold(), set()).add(row.name)
        found = {address: names.pop() for address, names in addresses.items() if len(names) == 1}
        found |= {row.display_name: row.name for row in rows if row.display_name}
        return found | {row.name: row.name for row in rows}

    def keep(self, feed: DueFeed, reading: GoodReading, now: datetime) -> None:
        values = {
            "content": reading.content,
            "etag": reading.fetched.etag[:1000],
            "modified": reading.fetched.modified[:100],
            "shifts": _written(reading.calendar),
            "unknown": json.dumps(list(reading.calendar.unknown)),
            "now": now,
        }
        self._connection.execute(_KEEP, values | _key(feed))

    def note_fault(self, feed: DueFeed, fault: str, calendar: CalendarShifts | None, now: datetime) -> None:
        shifts = _written(calendar) if calendar else None
        self._connection.execute(_NOTE_FAULT, {"fault": fault, "shifts": shifts, "now": now} | _key(feed))


def _written(calendar: CalendarShifts) -> str:
    return json.dumps([shift.to_document() for shift in calendar.shifts])


def _key(feed: DueFeed) -> dict[str, str]:
    return {"schedule": feed.schedule, "kind": feed.kind.value, "source": feed.source}
