"""What the rails look at, read in the transaction that starts a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.alert import check_labels
from healthmgr.domain.check import Status
from healthmgr.domain.dependency import Undecided, Unreachable
from healthmgr.domain.incident import all_labels
from healthmgr.domain.muting import Mutes, Subject
from healthmgr.domain.rails import Facts, Group
from healthmgr.domain.run_state import UNDER_REPAIR, RunState
from healthmgr.services.evaluating import ORIGIN
from healthmgr.services.recovering_ports import Run
from healthmgr.storage.muting_rows import read_mutes
from healthmgr.storage.routing_rows import read_reachability

# One run starts at a time: what one counts, no other changes before it has committed.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:lock)")
_LOCK = 0x7265636F  # "reco": any fixed number will do, as long as every healthmgr uses the same

_SWITCHES = text("SELECT scope FROM kill_switches WHERE scope IN ('', :team) ORDER BY scope")
_STATE = text("""
SELECT c.is_enabled AND NOT c.is_paused AS is_watched, st.status, st.is_flapping, st.since_at,
       a.id IS NOT NULL AND a.suppressed_by_id IS NOT NULL AS is_suppressed
FROM checks c JOIN check_states st ON st.check_id = c.id
LEFT JOIN alerts a ON a.check_id = c.id AND a.resolved_at IS NULL
WHERE c.id = :check_id
""")
_CLOSED_BY = text("SELECT resolved_by FROM alerts WHERE id = :alert_id AND resolved_at IS NOT NULL")
_BREAKER = text("SELECT opened_at FROM breakers WHERE runbook = :runbook")
_BUSY = text("""
SELECT runbook || ' (run ' || number || ')' FROM runs
WHERE target = :target AND id <> :id AND state = ANY(CAST(:busy AS text[])) LIMIT 1
""")
_ATTEMPTS = text("""
SELECT count(*) FROM runs
WHERE runbook = :runbook AND check_id = :check_id AND id <> :id AND started_at IS NOT NULL
  AND (alert_id = :alert_id OR (alert_id IS NULL AND started_at >= :problem_at))
""")
_STARTS = text("""
SELECT started_at FROM runs
WHERE runbook = :runbook AND id <> :id AND created_at > :since - interval '1 day' AND started_at > :since
""")
_ENDS = text("""
SELECT
    (SELECT max(ended_at) FROM runs WHERE runbook = :runbook AND id <> :id AND acted_at IS NOT NULL) AS of_runbook,
    (SELECT max(ended_at) FROM runs WHERE target = :target AND id <> :id AND acted_at IS NOT NULL) AS of_target
""")
_GROUP = text("""
SELECT c.id, c.slug, c.service, c.category, c.labels, st.hard_status = 'healthy' AND st.status = 'healthy' AS is_healthy
FROM checks c JOIN check_states st ON st.check_id = c.id
WHERE c.is_enabled AND NOT c.is_paused AND c.labels @> CAST(:labels AS jsonb)
  AND (CAST(:service AS text) IS NULL OR c.service = :service)
""")
_REPAIRS = text("""
SELECT target, check_id, state, is_proved, ended_at FROM runs
WHERE id <> :id AND (state = ANY(CAST(:busy AS text[])) OR (runbook = :runbook AND ended_at > :since))
ORDER BY ended_at NULLS LAST
""")

_BUILT_IN = ("check", "service", "category")
_FAILED = (RunState.FAILED, RunState.ROLLED_BACK, RunState.ABANDONED)


class RailRows:
    """The facts that the rails judge."""

    _connection: Connection

    def facts(self, run: Run, now: datetime, *, is_automation_on: bool) -> Facts:
        self._connection.execute(_ONE_AT_A_TIME, {"lock": _LOCK})
        mutes = read_mutes(self._connection, now)
        state = self._connection.execute(_STATE, {"check_id": run.check_id}).one_or_none()
        ids = self._ids(run)
        ends = self._connection.execute(_ENDS, ids).one()
        since = now - run.runbook.rails.window
        is_wavering, is_unreachable = self._reachability(run, state, mutes)
        return Facts(
            is_automatic=run.is_automatic,
            is_automation_on=is_automation_on,
            switches=self._switches(run),
            breaker_opened_at=self._connection.execute(_BREAKER, ids).scalar(),
            is_watched=state is not None and state.is_watched,
            status=Status(state.status) if state is not None and state.since_at is not None else Status.UNKNOWN,
            closed_by=self._closed_by(run),
            is_flapping=state is not None and state.is_flapping,
            is_unreachable=is_unreachable,
            is_parent_wavering=is_wavering,
            maintenance=_maintenance(run, mutes),
            repaired_by=self._connection.execute(_BUSY, ids).scalar() or "",
            attempts=self._connection.execute(_ATTEMPTS, ids).scalar_one(),
            started_at=tuple(self._connection.execute(_STARTS, ids | {"since": since}).scalars()),
            runbook_ended_at=ends.of_runbook,
            target_ended_at=ends.of_target,
            group=self._group(run, since),
            waits_since=run.created_at,
        )

    def changed_facts(self, run: Run, now: datetime) -> Facts:
        state = self._connection.execute(_STATE, {"check_id": run.check_id}).one_or_none()
        return Facts(
            is_automatic=run.is_automatic,
            switches=self._switches(run),
            status=Status(state.status) if state is not None else Status.UNKNOWN,
            closed_by=self._closed_by(run),
            maintenance=_maintenance(run, read_mutes(self._connection, now)),
        )

    def is_healthy(self, run: Run) -> bool:
        state = self._connection.execute(_STATE, {"check_id": run.check_id}).one_or_none()
        return state is not None and state.status == Status.HEALTHY

    def _ids(self, run: Run) -> dict[str, Any]:
        return {
            "id": run.id,
            "runbook": run.runbook.name,
            "check_id": run.check_id,
            "alert_id": run.alert_id,
            "target": run.target,
            "problem_at": run.problem_at,
            "busy": [state.value for state in UNDER_REPAIR],
        }

    def _closed_by(self, run: Run) -> str:
        return self._connection.execute(_CLOSED_BY, {"alert_id": run.alert_id}).scalar() or ""

    def _switches(self, run: Run) -> tuple[str, ...]:
        team = f"team:{run.runbook.team}" if run.runbook.team else ""
        return tuple(self._connection.execute(_SWITCHES, {"team": team}).scalars())

    def _reachability(self, run: Run, state: Any, mutes: Mutes) -> tuple[bool, bool]:
        """Whether what its check hangs on may explain it, and whether it does."""
        if state is None or run.check_id is None or state.since_at is None:
            return False, False
        verdict = read_reachability(self._connection, run.check_id, state.since_at, lambda: mutes)
        return isinstance(verdict, Undecided), isinstance(verdict, Unreachable) or state.is_suppressed

    def _group(self, run: Run, since: datetime) -> Group:
        """The checks with the same values of the labels of its blast radius, and what is done to them."""
        radius = run.runbook.rails.blast_radius
        if radius.is_unbounded:
            return Group()
        by = radius.by or (("service",) if run.labels.get("service") else ("check",))
        wanted = {name: run.labels.get(name, "") for name in by}
        members = self._members(wanted)
        values = self._ids(run) | {"since": since}
        repairs = [row for row in self._connection.execute(_REPAIRS, values) if row.check_id in members]
        busy = {row.target: row.check_id for row in repairs if row.ended_at is None}
        ended = [row for row in repairs if row.ended_at is not None and row.state != RunState.REFUSED]
        under_repair = set(busy.values())
        healthy = [
            check_id
            for check_id, is_healthy in members.items()
            if is_healthy and check_id != run.check_id and check_id not in under_repair
        ]
        return Group(
            size=len(members),
            under_repair=len(busy),
            healthy=len(healthy),
            is_proved=any(row.is_proved for row in ended),
            has_failed=bool(ended) and ended[-1].state in _FAILED,
        )

    def _members(self, wanted: Mapping[str, str]) -> dict[UUID, bool]:
        own = {name: value for name, value in wanted.items() if name not in _BUILT_IN and value}
        values = {"labels": json.dumps(own), "service": wanted.get("service")}
        found = {}
        for row in self._connection.execute(_GROUP, values):
            labels = check_labels(row.slug, row.service, row.category, row.labels)
            if all(labels.get(name, "") == value for name, value in wanted.items()):
                found[row.id] = row.is_healthy
        return found


def _maintenance(run: Run, mutes: Mutes) -> str:
    """The name of the maintenance window that its check is in, "" for none."""
    subject = Subject(run.alert_id or run.id, all_labels(run.labels, run.severity, ORIGIN), run.check_id)
    muted = mutes.maintained(subject)
    return muted.by if muted else ""
