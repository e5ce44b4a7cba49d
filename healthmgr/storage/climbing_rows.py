"""Who is meant at a moment: people, teams, and whoever is on call by a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from healthmgr.domain.escalation import Named, TargetKind
from healthmgr.domain.person import Contact, Person, contacts_from_document, quiet_from_document
from healthmgr.domain.timeline import Entry
from healthmgr.domain.timewindow import TimeInterval
from healthmgr.services.routing_ports import ClimbingTransaction
from healthmgr.storage.muting_rows import read_windows
from healthmgr.storage.schedule_rows import read_schedule
from healthmgr.storage.timeline_rows import note

_PEOPLE = text("""
SELECT name, contacts, contact_plan, quiet_hours, timezone FROM recipients WHERE is_enabled AND name = ANY(:names)
""").bindparams(bindparam("names", type_=ARRAY(Text)))

_CHANNELS = text("SELECT name FROM channels WHERE is_enabled")

_TEAM = text("SELECT members FROM teams WHERE name = :name")


class ClimbingRows(ClimbingTransaction):
    """What the climb asks, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def who_is(self, named: Named, now: datetime) -> tuple[str, ...]:
        match named.kind:
            case TargetKind.PERSON:
                return (named.name,)
            case TargetKind.TEAM:
                return tuple(self._connection.execute(_TEAM, {"name": named.name}).scalar() or ())
            case TargetKind.SCHEDULE:
                schedule = read_schedule(self._connection, named.name, now, now)
                return schedule.on_call_at(now) if schedule else ()
            case TargetKind.CHANNEL:
                return ()

    def people(self, names: Sequence[str]) -> Mapping[str, Person]:
        if not names:
            return {}
        usable = set(self._connection.execute(_CHANNELS).scalars())
        rows = self._connection.execute(_PEOPLE, {"names": list(names)}).all()
        quiet = {row.name: quiet_from_document(row.quiet_hours) for row in rows}
        windows = self.windows(sorted({name for rules in quiet.values() for rule in rules for name in rule.windows}))
        found = {}
        for row in rows:
            plan = contacts_from_document(row.contact_plan) or _unordered(row.contacts)
            contacts = tuple(contact for contact in plan if contact.channel in usable)
            found[row.name] = Person(
                row.name, contacts, tuple(rule.within(windows) for rule in quiet[row.name]), row.timezone
            )
        return found

    def windows(self, names: Sequence[str]) -> Mapping[str, Sequence[TimeInterval]]:
        return read_windows(self._connection, names)

    def note(self, incident_id: UUID, entry: Entry, now: datetime, *, once: bool = False) -> None:
        note(self._connection, incident_id, entry, now, once=once)


def _unordered(contacts: Mapping[str, str]) -> tuple[Contact, ...]:
    """The ways to reach somebody of whom no order is known: all at once."""
    return tuple(Contact(channel, address) for channel, address in sorted(contacts.items()))
