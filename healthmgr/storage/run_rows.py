"""Runs, their steps, and what happened to them, within one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Integer, Uuid
from uuid_utils.compat import uuid7

from healthmgr.domain.check import Severity
from healthmgr.domain.dispatch import EARLY_BY, HORIZON, Due, Work, patience
from healthmgr.domain.proof import Proof
from healthmgr.domain.run import Progress
from healthmgr.domain.run_state import RunState, StepState
from healthmgr.domain.runbook import Step
from healthmgr.domain.runbook_document import runbook_from_document, runbook_to_document
from healthmgr.domain.timeline import Entry
from healthmgr.errors import Unavailable
from healthmgr.services.recovering_ports import ClaimedStep, Ended, Run, Trigger
from healthmgr.storage.balancing_rows import read_drained

_INSERT = text("""
INSERT INTO runs (id, runbook, document, trigger, started_by, check_id, check_slug, alert_id, target, severity, labels,
                  parameters, problem_at, state, reason, created_at, due_at)
VALUES (:id, :runbook, :document, :trigger, :started_by, :check_id, :check, :alert_id, :target, :severity, :labels,
        :parameters, :problem_at, :state, :reason, :now, :now)
RETURNING number
""")

_DUE = "AND token = :token AND (CAST(:due_before AS timestamptz) IS NULL OR due_at <= :due_before)"
_COLUMNS = """id, number, document, trigger, started_by, check_id, check_slug, alert_id, target, severity, labels,
    parameters, problem_at, state, reason, words, place, attempt, done, facts, failure, awaited, cancelled_by,
    rolls_back, is_proved, is_under_way, created_at, started_at, acted_at, ends_by, ended_at, token, due_at"""
_TAKE = text(f"SELECT {_COLUMNS} FROM runs WHERE id = :id FOR UPDATE")  # noqa: S608 - composed of constants alone
_TAKE_DUE = text(f"SELECT {_COLUMNS} FROM runs WHERE id = :id {_DUE} FOR UPDATE")  # noqa: S608

# The run of a soft state belongs to the alert that its check has by now.
_ALERT = text("""
SELECT id, incident_id FROM alerts
WHERE id = :alert_id OR (CAST(:alert_id AS uuid) IS NULL AND check_id = :check_id AND resolved_at IS NULL)
""")
_LOCK_INCIDENT = text("SELECT id FROM incidents WHERE id = :id FOR NO KEY UPDATE")
_LOCK_INCIDENT_NOW = text("SELECT id FROM incidents WHERE id = :id FOR NO KEY UPDATE SKIP LOCKED")
_LOCK_ALERT = text("SELECT incident_id FROM alerts WHERE id = :id FOR SHARE")

_SAVE = text("""
UPDATE runs SET
    alert_id = :alert_id, state = :state, reason = :reason, words = :words, place = :place, attempt = :attempt,
    done = :done, facts = :facts, failure = :failure, awaited = :awaited, cancelled_by = :cancelled_by,
    rolls_back = :rolls_back, is_proved = :is_proved, is_under_way = :is_under_way, started_at = :started_at,
    acted_at = :acted_at, ends_by = :ends_by, ended_at = :ended_at, due_at = :due_at, token = token + 1,
    armed_until = CASE WHEN CAST(:is_reminded AS boolean) THEN CAST(:due_at AS timestamptz) + :patience END,
    arm_count = CASE WHEN :is_reminded THEN 1 ELSE 0 END
WHERE id = :id RETURNING token
""")

_MARK = text("UPDATE runs SET cancelled_by = :by, rolls_back = :rolls_back WHERE id = :id")

_HOLD = text("""
UPDATE runs r SET due_at = :until, armed_until = NULL, arm_count = 0
FROM unnest(:ids, :tokens) AS c(id, token)
WHERE r.id = c.id AND r.token = c.token AND r.is_under_way
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)), bindparam("tokens", type_=ARRAY(Integer)))

_NOTE = text("""
INSERT INTO run_entries (id, run_id, at, kind, reason, actor, detail)
VALUES (:id, :run_id, :now, :kind, :reason, :actor, CAST(:detail AS jsonb))
""")
# All of it that its incident does not know yet, under the same ids: whichever of the two came first.
_JOIN = text("""
INSERT INTO incident_entries (id, incident_id, at, kind, reason, actor, detail)
SELECT e.id, :incident_id, e.at, e.kind, e.reason, e.actor, e.detail
FROM run_entries e WHERE e.run_id = :run_id ORDER BY e.id
ON CONFLICT (id) DO NOTHING
""")

_BEGIN = text("""
INSERT INTO run_steps (id, run_id, is_rollback, place, attempt, step, kind, state, token, worker, started_at, ended_at,
                       message)
VALUES (:id, :run_id, :is_rollback, :place, :attempt, :step, :kind, :state, :token, :worker, :now, :ended_at, :message)
""")
_END = text("""
UPDATE run_steps SET state = :state, ended_at = :ended_at, message = :message, output = CASE WHEN :output = '' THEN
    output ELSE :output END, facts = CASE WHEN CAST(:facts AS jsonb) = '{}'::jsonb THEN facts ELSE :facts END
WHERE id = (
    SELECT id FROM run_steps WHERE run_id = :run_id AND ended_at IS NULL ORDER BY started_at DESC, id DESC LIMIT 1
)
RETURNING step
""")
_END_LATE = text("""
UPDATE run_steps SET ended_at = :now, output = :output, facts = :facts,
    message = message || '; it ended all the same, ' || :state || ': ' || :message
WHERE id = :id AND state = 'abandoned'
""")


class RunRows:
    """Runs and their steps. With `will_remind` the caller sends the reminders; else the next sweep does."""

    _connection: Connection
    will_remind: bool = True

    def open_run(self, run: Run, now: datetime) -> Run:
        number = self._connection.execute(
            _INSERT,
            {
                "id": run.id,
                "runbook": run.runbook.name,
                "document": json.dumps(runbook_to_document(run.runbook)),
                "trigger": run.trigger.value,
                "started_by": run.started_by,
                "check_id": run.check_id,
                "check": run.check,
                "alert_id": run.alert_id,
                "target": run.target,
                "severity": run.severity.value,
                "labels": json.dumps(dict(run.labels)),
                "parameters": json.dumps(dict(run.parameters)),
                "problem_at": run.problem_at,
                "state": run.progress.state.value,
                "reason": run.reason,
                "now": now,
            },
        ).scalar_one()
        _, incident_id = self._lock_surroundings(run.alert_id, run.check_id)
        return replace(run, number=number, incident_id=incident_id)

    def take_run(self, run_id: UUID, *, token: int | None = None, now: datetime | None = None) -> Run | None:
        values = {"id": run_id, "token": token, "due_before": now + EARLY_BY if now else None}
        row = self._connection.execute(_TAKE if token is None else _TAKE_DUE, values).one_or_none()
        if row is None:
            return None
        alert_id, incident_id = self._lock_surroundings(row.alert_id, row.check_id)
        return _to_run(row, alert_id, incident_id)

    def _lock_surroundings(self, alert_id: UUID | None, check_id: UUID | None) -> tuple[UUID | None, UUID | None]:
        """The alert and its incident, locked in the order in which everybody locks them."""
        row = self._connection.execute(_ALERT, {"alert_id": alert_id, "check_id": check_id}).one_or_none()
        if row is None:
            return alert_id, None
        if row.incident_id is not None:
            self._connection.execute(_LOCK_INCIDENT, {"id": row.incident_id})
        # While its row is held, nobody attaches it to an incident without what is noted here.
        incident_id = self._connection.execute(_LOCK_ALERT, {"id": row.id}).scalar()
        # Its incident is locked after it, for once: never by waiting for whoever may wait for the alert.
        if incident_id not in (None, row.incident_id) and not self._holds_at_once(incident_id):
            raise Unavailable("the alert went into an incident at this moment: it is looked at again")
        return row.id, incident_id

    def _holds_at_once(self, incident_id: UUID | None) -> bool:
        return self._connection.execute(_LOCK_INCIDENT_NOW, {"id": incident_id}).scalar() is not None

    def save_run(self, run: Run, now: datetime) -> list[Due]:
        progress, due_at = run.progress, run.due_at
        is_reminded = self.will_remind and due_at is not None and not run.is_under_way
        token = self._connection.execute(
            _SAVE,
            {
                "id": run.id,
                "alert_id": run.alert_id,
                "state": progress.state.value,
                "reason": run.reason,
                "words": run.words,
                "place": progress.place,
                "attempt": progress.attempt,
                "done": json.dumps(list(progress.done)),
                "facts": json.dumps({step: dict(facts) for step, facts in run.facts.items()}),
                "failure": progress.failure,
                "awaited": json.dumps(run.awaited.to_document()) if run.awaited else None,
                "cancelled_by": run.cancelled_by,
                "rolls_back": run.rolls_back,
                "is_proved": run.is_proved,
                "is_under_way": run.is_under_way,
                "started_at": run.started_at,
                "acted_at": run.acted_at,
                "ends_by": run.ends_by,
                "ended_at": run.ended_at,
                "due_at": due_at,
                "is_reminded": is_reminded and due_at is not None and due_at <= now + HORIZON,
                "patience": patience(0),
            },
        ).scalar_one()
        return [Due(Work.RUN, str(run.id), token, due_at)] if is_reminded and due_at is not None else []

    def mark_cancelled(self, run: Run) -> None:
        values = {"id": run.id, "by": run.cancelled_by, "rolls_back": run.rolls_back}
        self._connection.execute(_MARK, values)

    def hold_run(self, claimed: Sequence[ClaimedStep], lease_until: datetime) -> None:
        ids, tokens = [each.run.id for each in claimed], [each.token for each in claimed]
        self._connection.execute(_HOLD, {"ids": ids, "tokens": tokens, "until": lease_until})

    def drained_by(self, run: Run) -> list[str]:
        return read_drained(self._connection, run.name)

    def note_run(self, run: Run, entry: Entry, now: datetime) -> None:
        values = {"id": uuid7(), "run_id": run.id, "now": now, "kind": entry.kind.value, "reason": entry.reason}
        values |= {"actor": entry.actor, "detail": json.dumps(dict(entry.detail))}
        self._connection.execute(_NOTE, values)
        if run.incident_id is not None:
            self._connection.execute(_JOIN, {"run_id": run.id, "incident_id": run.incident_id})

    def begin_step(self, run: Run, step: Step, worker: str, token: int, now: datetime) -> UUID:
        return self._write_step(run, step, StepState.RUNNING, worker, token, now)

    def skip_step(self, run: Run, step: Step, words: str, worker: str, now: datetime) -> None:
        self._write_step(run, step, StepState.SKIPPED, worker, run.token, now, words=words, ended_at=now)

    def _write_step(
        self,
        run: Run,
        step: Step,
        state: StepState,
        worker: str,
        token: int,
        now: datetime,
        *,
        words: str = "",
        ended_at: datetime | None = None,
    ) -> UUID:
        step_id = uuid7()
        progress = run.progress
        values = {"id": step_id, "run_id": run.id, "is_rollback": progress.is_rolling_back, "place": progress.place}
        values |= {"attempt": progress.attempt, "step": step.id, "kind": step.kind, "state": state.value}
        values |= {"token": token, "worker": worker, "now": now, "ended_at": ended_at, "message": words}
        self._connection.execute(_BEGIN, values)
        return step_id

    def end_step(self, run: Run, ended: Ended, now: datetime) -> str:
        is_over = ended.state is not StepState.WAITING
        values = _ended_values(ended) | {"run_id": run.id, "ended_at": now if is_over else None}
        return str(self._connection.execute(_END, values).scalar() or "")

    def end_late(self, step_id: UUID, ended: Ended, now: datetime) -> None:
        self._connection.execute(_END_LATE, _ended_values(ended) | {"id": step_id, "now": now})


def _ended_values(ended: Ended) -> dict[str, Any]:
    facts = json.dumps(dict(ended.facts))
    return {"state": ended.state.value, "message": ended.message, "output": ended.output, "facts": facts}


def _to_run(row: Row[Any], alert_id: UUID | None, incident_id: UUID | None) -> Run:
    runbook = runbook_from_document(row.document)
    state = RunState(row.state)
    return Run(
        id=row.id,
        progress=Progress(runbook, state, row.place, row.attempt, tuple(row.done), row.failure),
        trigger=Trigger(row.trigger),
        target=row.target,
        severity=Severity(row.severity),
        problem_at=row.problem_at,
        created_at=row.created_at,
        number=row.number,
        started_by=row.started_by,
        check_id=row.check_id,
        check=row.check_slug,
        alert_id=alert_id,
        incident_id=incident_id,
        labels=row.labels,
        parameters=row.parameters,
        reason=row.reason,
        words=row.words,
        facts=row.facts,
        awaited=Proof.from_document(row.awaited) if row.awaited else None,
        cancelled_by=row.cancelled_by,
        rolls_back=row.rolls_back,
        is_proved=row.is_proved,
        is_under_way=row.is_under_way,
        started_at=row.started_at,
        acted_at=row.acted_at,
        ends_by=row.ends_by,
        ended_at=row.ended_at,
        token=row.token,
        due_at=row.due_at,
    )
