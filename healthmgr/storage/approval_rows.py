"""What runbooks ask people, and what stops runbooks: approvals, breakers, kill switches; within one transaction."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text
from uuid_utils.compat import uuid7

from healthmgr.domain.approval import ApprovalState, Question, Vote
from healthmgr.domain.runbook import Runbook
from healthmgr.services.recovering_ports import Asked, Run

_ASK = text("""
INSERT INTO approvals (id, run_id, step, question, needed, approvers, is_critical, asked_at, expires_at, state)
VALUES (:id, :run_id, :step, :text, :needed, :approvers, :is_critical, :now, :expires_at, 'open') RETURNING number
""")
_QUESTION = """
SELECT a.id, a.number, a.run_id, a.step, a.question, a.needed, a.approvers, a.is_critical, a.asked_at, a.expires_at,
       a.state, r.started_by
FROM approvals a JOIN runs r ON r.id = a.run_id
"""
_TAKE = text(f"{_QUESTION} WHERE a.id = :id FOR UPDATE OF a")
_OPEN = text(f"{_QUESTION} WHERE a.run_id = :run_id AND a.state = 'open' FOR UPDATE OF a")
_VOTES = text("SELECT person, is_for FROM approval_votes WHERE approval_id = :id ORDER BY at, person")
_RUN_OF = text("SELECT run_id FROM approvals WHERE id = :id")
_VOTE = text("""
INSERT INTO approval_votes (approval_id, person, is_for, at, origin, comment)
VALUES (:id, :person, :is_for, :now, :origin, :comment)
""")
_DECIDE = text("UPDATE approvals SET state = :state, decided_at = :now WHERE id = :id AND state = 'open'")

_FAILED = text("""
INSERT INTO breakers AS b (runbook, failures, opened_at, changed_at)
VALUES (:runbook, 1, CASE WHEN :opens_after <= 1 THEN CAST(:now AS timestamptz) END, :now)
ON CONFLICT (runbook) DO UPDATE SET
    failures = b.failures + 1, changed_at = EXCLUDED.changed_at, changed_by = '',
    opened_at = COALESCE(b.opened_at, CASE WHEN b.failures + 1 >= :opens_after THEN EXCLUDED.changed_at END)
RETURNING opened_at = changed_at AS has_opened
""")
_FORGET = text("UPDATE breakers SET failures = 0, changed_at = :now, changed_by = '' WHERE runbook = :runbook")
_CLOSE = text("""
UPDATE breakers SET failures = 0, opened_at = NULL, changed_at = :now, changed_by = :by
WHERE runbook = :runbook AND opened_at IS NOT NULL
""")
_THROW = text("""
INSERT INTO kill_switches (scope, thrown_by, thrown_at, comment) VALUES (:scope, :by, :now, :comment)
ON CONFLICT DO NOTHING
""")
_RELEASE = text("DELETE FROM kill_switches WHERE scope = :scope")
_IS_TEAM = text("SELECT 1 FROM teams WHERE name = :name")


class ApprovalRows:
    """Questions, votes, breakers and kill switches."""

    _connection: Connection

    def ask(self, run: Run, asked: Asked, now: datetime) -> Asked:
        question = asked.question
        approval_id = uuid7()
        values = {
            "id": approval_id,
            "run_id": run.id,
            "step": asked.step,
            "text": asked.text,
            "needed": question.needed,
            "approvers": json.dumps(list(asked.approvers)),
            "is_critical": question.is_critical,
            "now": now,
            "expires_at": question.expires_at,
        }
        number = self._connection.execute(_ASK, values).scalar_one()
        return replace(asked, id=approval_id, number=number)

    def run_of(self, approval_id: UUID) -> UUID | None:
        found: UUID | None = self._connection.execute(_RUN_OF, {"id": approval_id}).scalar()
        return found

    def take_question(self, approval_id: UUID) -> Asked | None:
        return self._asked(self._connection.execute(_TAKE, {"id": approval_id}).one_or_none())

    def open_question(self, run_id: UUID) -> Asked | None:
        return self._asked(self._connection.execute(_OPEN, {"run_id": run_id}).one_or_none())

    def _asked(self, row: Row[Any] | None) -> Asked | None:
        if row is None:
            return None
        votes = [Vote(vote.person, vote.is_for) for vote in self._connection.execute(_VOTES, {"id": row.id})]
        question = Question(
            needed=row.needed,
            approvers=None,
            expires_at=row.expires_at,
            started_by=row.started_by,
            is_critical=row.is_critical,
            votes=votes,
            state=ApprovalState(row.state),
        )
        return Asked(
            row.id, row.number, row.run_id, row.step, row.question, question, row.asked_at, tuple(row.approvers)
        )

    def vote(self, asked: Asked, person: str, is_for: bool, origin: str, comment: str, now: datetime) -> None:
        values = {"id": asked.id, "person": person, "is_for": is_for, "origin": origin.partition(" ")[0]}
        self._connection.execute(_VOTE, values | {"comment": comment, "now": now})

    def decide(self, asked: Asked, state: str, now: datetime) -> None:
        self._connection.execute(_DECIDE, {"id": asked.id, "state": state, "now": now})

    # ---- What stops runbooks ---------------------------------------------------------------------

    def count_failure(self, runbook: Runbook, now: datetime) -> bool:
        values = {"runbook": runbook.name, "opens_after": runbook.rails.opens_after, "now": now}
        return bool(self._connection.execute(_FAILED, values).scalar())

    def forget_failures(self, runbook: str, now: datetime) -> None:
        self._connection.execute(_FORGET, {"runbook": runbook, "now": now})

    def close_breaker(self, runbook: str, by: str, now: datetime) -> bool:
        return self._connection.execute(_CLOSE, {"runbook": runbook, "by": by, "now": now}).rowcount == 1

    def throw(self, scope: str, by: str, comment: str, now: datetime) -> bool:
        values = {"scope": scope, "by": by, "comment": comment, "now": now}
        return self._connection.execute(_THROW, values).rowcount == 1

    def release(self, scope: str) -> bool:
        return self._connection.execute(_RELEASE, {"scope": scope}).rowcount == 1

    def is_team(self, name: str) -> bool:
        return self._connection.execute(_IS_TEAM, {"name": name}).scalar() is not None
