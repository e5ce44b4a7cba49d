"""Questions about people: how each is reached, when they are left alone, and in which teams they are."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Engine, text

from healthmgr.domain.person import quiet_from_document
from healthmgr.domain.timewindow_words import in_words
from healthmgr.storage.contact_rows import read_contacts
from healthmgr.storage.schedule_rows import read_schedules
from healthmgr.storage.transactions import transaction
from healthmgr.views_oncall import ContactView
from healthmgr.views_people import PersonView, QuietView

_NAMES = text("SELECT name FROM recipients WHERE is_enabled ORDER BY name")
_PEOPLE = text("""
SELECT name, display_name, quiet_hours, timezone, managed_by FROM recipients WHERE is_enabled ORDER BY name
""")
_TEAMS = text("SELECT name, members FROM teams ORDER BY name")


class PeopleReading:
    """Reads people. Raises Unavailable while the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def names(self) -> list[str]:
        """All people, by name."""
        with transaction(self._engine) as connection:
            return list(connection.execute(_NAMES).scalars())

    def people(self, now: datetime) -> list[PersonView]:
        """All people, by name, with the schedules in which they are on call now."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_PEOPLE).all()
            contacts: defaultdict[str, list[ContactView]] = defaultdict(list)
            for contact in read_contacts(connection):
                contacts[contact.person].append(contact)
            teams = connection.execute(_TEAMS).all()
            on_call = {one.name: one.on_call_at(now) for one in read_schedules(connection, now, now)}
        return [
            PersonView(
                name=row.name,
                display_name=row.display_name,
                timezone=row.timezone,
                managed_by=row.managed_by,
                contacts=contacts[row.name],
                quiet=[
                    QuietView(
                        severities=[severity.value for severity in rule.severities],
                        hours=[in_words(interval) for interval in rule.hours],
                        windows=list(rule.windows),
                    )
                    for rule in quiet_from_document(row.quiet_hours)
                ],
                teams=[team.name for team in teams if row.name in team.members],
                on_call=[name for name, people in on_call.items() if row.name in people],
            )
            for row in rows
        ]
