"""Queue escalation: countdown tasks over rows."""

from __future__ import annotations

from uuid import UUID

from workers.app import app
from workers.base import ServiceTask


@app.task(name="healthmgr.escalation.advance", bind=True)
def advance(self: ServiceTask, incident_id: str, token: int) -> None:
    """Carry out the next round of an incident, if it is due and nobody has answered."""
    _, dues = self.healthmgr.escalating.advance(UUID(incident_id), token, self.now)
    self.publisher.remind(dues, self.now)
