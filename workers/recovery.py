"""Queue recovery: failings that runbooks may answer, and runs that go on, a step at a time."""

from __future__ import annotations

from uuid import UUID

from workers.app import app
from workers.base import ServiceTask


@app.task(name="healthmgr.recovery.consider", bind=True)
def consider(self: ServiceTask, call_id: str, token: int) -> None:  # noqa: ARG001 - all reminders carry a token
    """Make runs of the runbooks that answer a failing."""
    dues = self.healthmgr.recovery.recovering.consider(UUID(call_id), self.now)
    self.publisher.remind(dues, self.now)


@app.task(name="healthmgr.recovery.advance", bind=True)
def advance(self: ServiceTask, run_id: str, token: int) -> None:
    """Have what is due for a run done. Acknowledged before: a step that is not seen to end is never done again."""
    self.process.repairs.submit(UUID(run_id), token)
