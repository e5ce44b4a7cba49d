"""Questions about runs, approvals, breakers and kill switches, and how much mends itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping, text

from healthmgr.domain.run import Progress, run_name, undoing
from healthmgr.domain.run_state import RunState
from healthmgr.domain.runbook_document import runbook_from_document
from healthmgr.domain.timeline_words import sentence
from healthmgr.storage.balancing_rows import read_drained
from healthmgr.storage.transactions import transaction
from healthmgr.views_recovery import (
    ApprovalView,
    BreakerView,
    RateView,
    RunCard,
    RunEntryView,
    RunStepView,
    RunView,
    SwitchView,
    VoteView,
)

_RUN = """
SELECT r.id, r.number, r.runbook, r.state, r.reason, r.words, r.trigger, r.started_by, r.target, r.check_slug AS check,
       r.severity, r.alert_id, i.number AS incident_number, r.is_proved, r.cancelled_by, r.created_at, r.started_at,
       r.ended_at, r.parameters, r.labels, r.failure, r.document, r.place, r.done
FROM runs r LEFT JOIN alerts a ON a.id = r.alert_id LEFT JOIN incidents i ON i.id = a.incident_id
"""
_RUNS = text(f"""{_RUN}
WHERE (CAST(:runbook AS text) IS NULL OR r.runbook = :runbook)
  AND (CAST(:check AS text) IS NULL OR r.check_slug = :check)
  AND (CAST(:state AS text) IS NULL OR r.state = :state) AND (CAST(:incident AS bigint) IS NULL OR i.number = :incident)
  AND (CAST(:before AS bigint) IS NULL OR r.number < :before)
ORDER BY r.number DESC LIMIT :limit
""")
# In the words of two indexes that hold little beside these, for this is asked all the time.
_GOING_ON = text(f"""{_RUN}
WHERE r.state IN ('awaiting_approval', 'running', 'waiting', 'verifying', 'rolling_back')
   OR (r.state = 'pending' AND r.due_at IS NOT NULL)
ORDER BY r.number DESC LIMIT :limit
""")
_RUN_BY_NUMBER = text(f"{_RUN} WHERE r.number = :number")
_RUN_BY_ID = text(f"{_RUN} WHERE r.id = :id")

_STEPS = text("""
SELECT step, kind, attempt, state, is_rollback, worker, started_at, ended_at, message, output, facts
FROM run_steps WHERE run_id = :id ORDER BY started_at, id
""")
_ENTRIES = text("SELECT at, kind, reason, actor, detail FROM run_entries WHERE run_id = :id ORDER BY id")

_APPROVAL = """
SELECT a.id, a.number, a.run_id, r.number AS run_number, r.runbook, r.target, r.severity, a.step, a.question, a.state,
       a.needed, a.approvers, a.is_critical, a.asked_at, a.expires_at, a.decided_at,
       COALESCE((
           SELECT jsonb_agg(jsonb_build_object('person', v.person, 'is_for', v.is_for, 'at', v.at, 'origin', v.origin,
                                               'comment', v.comment) ORDER BY v.at)
           FROM approval_votes v WHERE v.approval_id = a.id
       ), '[]') AS votes
FROM approvals a JOIN runs r ON r.id = a.run_id
"""
_APPROVALS = text(f"""{_APPROVAL} WHERE (NOT :is_open OR a.state = 'open')
  AND (CAST(:before AS bigint) IS NULL OR a.number < :before) ORDER BY a.number DESC LIMIT :limit""")
_APPROVALS_OF = text(f"{_APPROVAL} WHERE a.run_id = :id ORDER BY a.number")
_APPROVAL_BY_NUMBER = text(f"{_APPROVAL} WHERE a.number = :number")
_APPROVAL_BY_ID = text(f"{_APPROVAL} WHERE a.id = :id")

_BREAKERS = text("SELECT runbook, failures, opened_at, changed_at, changed_by FROM breakers ORDER BY runbook")
_SWITCHES = text("SELECT scope, thrown_by, thrown_at, comment FROM kill_switches ORDER BY scope")

# An alert that was over before anything could be done about it says nothing of the runbook.
_RATES = text("""
SELECT runbook, count(DISTINCT alert_id) AS alerts, count(DISTINCT alert_id) FILTER (WHERE is_proved) AS resolved
FROM runs
WHERE trigger <> 'person' AND alert_id IS NOT NULL AND created_at >= :since AND ended_at IS NOT NULL
  AND reason <> 'healed_by_itself'
GROUP BY runbook ORDER BY runbook
""")


class RecoveryReading:
    """Reads what recovery has written. Raises Unavailable while the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def runs(
        self,
        *,
        limit: int = 50,
        runbook: str | None = None,
        check: str | None = None,
        state: str | None = None,
        incident: int | None = None,
        before: int | None = None,
    ) -> list[RunView]:
        """Runs, the newest first; `before` a run's number, those that are older."""
        values = {"limit": limit, "runbook": runbook, "check": check, "state": state, "incident": incident}
        values["before"] = before
        with transaction(self._engine) as connection:
            rows = connection.execute(_RUNS, values).mappings().all()
        return [_to_run(row) for row in rows]

    def going_on(self, limit: int = 500) -> list[RunView]:
        """Runs that are not over, the newest first."""
        with transaction(self._engine) as connection:
            return [_to_run(row) for row in connection.execute(_GOING_ON, {"limit": limit}).mappings()]

    def run(self, identity: str) -> RunCard | None:
        """All that is known of a run, by its number ("12", "#12") or id."""
        with transaction(self._engine) as connection:
            row = _find(connection, identity, _RUN_BY_NUMBER, _RUN_BY_ID)
            if row is None:
                return None
            same = {"id": row["id"]}
            steps = connection.execute(_STEPS, same).mappings().all()
            entries = connection.execute(_ENTRIES, same).mappings().all()
            approvals = connection.execute(_APPROVALS_OF, same).mappings().all()
            drained = read_drained(connection, run_name(row["runbook"], row["number"])) if row["ended_at"] else []
        return RunCard(
            run=_to_run(row),
            parameters=row["parameters"],
            labels=row["labels"],
            failure=row["failure"],
            document=row["document"],
            steps=[RunStepView.model_validate(dict(step)) for step in steps],
            entries=[_to_entry(entry) for entry in entries],
            approvals=[_to_approval(approval) for approval in approvals],
            undoing=_undoing(row),
            drained=drained,
        )

    def approvals(self, *, is_open: bool = True, limit: int = 100, before: int | None = None) -> list[ApprovalView]:
        """What people are asked, or were asked, the newest first; `before` an approval's number, the older ones."""
        values = {"is_open": is_open, "limit": limit, "before": before}
        with transaction(self._engine) as connection:
            rows = connection.execute(_APPROVALS, values).mappings().all()
        return [_to_approval(row) for row in rows]

    def approval(self, identity: str) -> ApprovalView | None:
        """One question, by its number or id."""
        with transaction(self._engine) as connection:
            row = _find(connection, identity, _APPROVAL_BY_NUMBER, _APPROVAL_BY_ID)
        return _to_approval(row) if row is not None else None

    def breakers(self) -> list[BreakerView]:
        """The runbooks that have failed, or whose breaker was closed."""
        with transaction(self._engine) as connection:
            return [BreakerView.model_validate(dict(row)) for row in connection.execute(_BREAKERS).mappings()]

    def switches(self) -> list[SwitchView]:
        """The kill switches that are thrown."""
        with transaction(self._engine) as connection:
            return [SwitchView.model_validate(dict(row)) for row in connection.execute(_SWITCHES).mappings()]

    def rates(self, since: datetime) -> list[RateView]:
        """Of the alerts on which a runbook started by itself since then, how many it is proved to have mended."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_RATES, {"since": since}).all()
        return [
            RateView(
                runbook=row.runbook,
                alerts=row.alerts,
                resolved=row.resolved,
                rate=row.resolved / row.alerts if row.alerts else None,
            )
            for row in rows
        ]


def _find(connection: Connection, identity: str, by_number: Any, by_id: Any) -> RowMapping | None:
    number = identity.removeprefix("#")
    if number.isdecimal() and number.isascii() and len(number) < 19:
        return connection.execute(by_number, {"number": int(number)}).mappings().one_or_none()
    try:
        wanted = UUID(identity)
    except ValueError:
        return None
    return connection.execute(by_id, {"id": wanted}).mappings().one_or_none()


def _to_run(row: RowMapping) -> RunView:
    return RunView.model_validate({name: row[name] for name in RunView.model_fields})


def _undoing(row: RowMapping) -> list[str]:
    runbook, state = runbook_from_document(row["document"]), RunState(row["state"])
    back = undoing(Progress(runbook, state, row["place"], done=tuple(row["done"])), row["reason"])
    return [step.id for step in back.steps] if back else []


def _to_entry(row: RowMapping) -> RunEntryView:
    words = sentence(row["kind"], row["reason"], row["actor"], row["detail"])
    return RunEntryView.model_validate({**row, "text": words})


def _to_approval(row: RowMapping) -> ApprovalView:
    votes: Sequence[Mapping[str, Any]] = row["votes"]
    return ApprovalView.model_validate({**row, "votes": [VoteView.model_validate(dict(vote)) for vote in votes]})
