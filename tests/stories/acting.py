"""What people do in a story, and what can be read of its incidents."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.silence import Draft

_INCIDENT_OF = """
SELECT i.id FROM incidents i JOIN alerts a ON a.incident_id = i.id JOIN checks c ON c.id = a.check_id
WHERE c.slug = :slug ORDER BY i.number DESC, a.opened_at DESC LIMIT 1
"""


class Acting:
    """The acts of people; mixed into a story, whose `now` they happen at."""

    healthmgr: Healthmgr
    engine: Engine
    now: datetime

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """Rows of the story's database."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), values).all())

    # ---- Alerts ----------------------------------------------------------------------------------

    def open_alert(self, slug: str) -> UUID:
        """The check's open alert."""
        query = (
            "SELECT a.id FROM alerts a JOIN checks c ON c.id = a.check_id WHERE c.slug = :slug AND resolved_at IS NULL"
        )
        ((alert_id,),) = self.rows(query, slug=slug)
        return alert_id

    def acknowledge(self, slug: str, actor: str = "alice") -> None:
        """A person acknowledges the check's open alert."""
        self.healthmgr.responding.acknowledge(self.open_alert(slug), actor=actor, origin="cli", now=self.now)

    def resolve(self, slug: str, actor: str = "alice", comment: str = "") -> None:
        """A person resolves the check's open alert by hand."""
        alert = self.open_alert(slug)
        self.healthmgr.responding.resolve(alert, actor=actor, origin="cli", now=self.now, comment=comment)

    # ---- Incidents -------------------------------------------------------------------------------

    def incident(self, slug: str) -> UUID:
        """The latest incident that the check's alert was in."""
        ((incident_id,),) = self.rows(_INCIDENT_OF, slug=slug)
        return incident_id

    def answer(self, verb: str, slug: str, *, actor: str = "alice", **values: Any) -> None:
        """A person answers the check's incident: acknowledge, snooze, unacknowledge, comment or resolve."""
        act = getattr(self.healthmgr.answering, verb)
        act(self.incident(slug), actor=actor, origin="cli", now=self.now, **values)

    def after(self, **length: float) -> datetime:
        """That much later than now."""
        return self.now + timedelta(**length)

    def timeline(self, kind: str | None = None) -> list[Any]:
        """What the timelines of all incidents tell, or their entries of one kind, in order."""
        entries = self.rows("SELECT at, kind, reason, actor, detail, incident_id FROM incident_entries ORDER BY id")
        return [entry for entry in entries if kind in (None, entry.kind)]

    # ---- Silences --------------------------------------------------------------------------------

    def silence(self, matchers: str, *, minutes: float, starts_in: float = 0) -> UUID:
        """A person silences what fits these matchers, from `starts_in` minutes on for so many minutes."""
        starts_at = self.after(minutes=starts_in)
        draft = Draft(
            matchers=parse_matchers(matchers),
            ends_at=starts_at + timedelta(minutes=minutes),
            created_by="alice",
            comment="work on it",
            starts_at=starts_at,
        )
        return self.healthmgr.silencing.save(draft, actor="alice", origin="cli", now=self.now).id

    def expire(self, silence_id: UUID) -> None:
        """The silence ends now, before its time."""
        self.healthmgr.silencing.expire(silence_id, actor="alice", origin="cli", now=self.now)
