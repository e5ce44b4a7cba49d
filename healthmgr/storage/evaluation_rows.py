"""The hot path's rows: a batch of results is read, judged and written in a handful of statements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Boolean, DateTime, Double, Integer, Text, TypeEngine, Uuid
from uuid_utils.compat import uuid7

from healthmgr.domain.alert import REOPENS_AFTER, OpenAlert
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.dispatch import Due
from healthmgr.domain.routing_tree import GROUP_INTERVAL
from healthmgr.services.evaluating import Evaluated, EvaluationTransaction, Watched
from healthmgr.storage.alert_move_rows import apply_moves
from healthmgr.storage.alert_rows import AlertRows
from healthmgr.storage.call_rows import CALLED_AT, call_recovery
from healthmgr.storage.check_rows import CHECK_COLUMNS, STATE_COLUMNS, to_check, to_state

_INSTANT = DateTime(timezone=True)


def _arrays(**types: TypeEngine[Any]) -> list[BindParameter[Any]]:
    return [bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items()]


_LOCK = text(f"""
SELECT {CHECK_COLUMNS}, {STATE_COLUMNS},
    a.id AS alert_id, a.severity AS alert_severity, a.status AS alert_status,
    a.is_flapping AS alert_is_flapping, {CALLED_AT} AS recovers_at
FROM check_states st
JOIN checks c ON c.id = st.check_id
LEFT JOIN alerts a ON a.check_id = st.check_id AND a.resolved_at IS NULL
WHERE st.check_id = ANY(:ids)
ORDER BY st.check_id
FOR UPDATE OF st
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))  # noqa: S608 - composed of constants alone

_QUIET = text("""
SELECT check_id, resolved_at FROM (
    SELECT DISTINCT ON (check_id) check_id, resolved_at, resolved_by FROM alerts
    WHERE check_id = ANY(:ids) ORDER BY check_id, opened_at DESC
) AS latest
WHERE resolved_by IS NOT NULL AND resolved_at > :after
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_STORE = text("""
INSERT INTO results
    (check_id, started_at, sequence, status, message, response_time, metrics, cause, slot_at, worker)
SELECT r.check_id, r.started_at, r.sequence, r.status, r.message, r.response_time, r.metrics::jsonb, r.cause,
       r.slot_at, r.worker
FROM unnest(:check_ids, :started_at, :sequences, :statuses, :messages, :response_times, :metrics, :causes,
            :slots_at, :workers)
    AS r(check_id, started_at, sequence, status, message, response_time, metrics, cause, slot_at, worker)
ON CONFLICT DO NOTHING
""").bindparams(
    *_arrays(
        check_ids=Uuid(), started_at=_INSTANT, sequences=BigInteger(), statuses=Text(), messages=Text(),
        response_times=Double(), metrics=Text(), causes=Text(), slots_at=_INSTANT, workers=Text(),
    )
)  # fmt: skip

_SAVE_STATES = text("""
UPDATE check_states st SET
    status = n.status, is_hard = n.is_hard, attempt = n.attempt, hard_status = n.hard_status,
    successes = n.successes, flapping_bits = n.flapping_bits, is_flapping = n.is_flapping,
    last_sequence = n.last_sequence, since_at = n.since_at, last_result_at = n.last_result_at,
    last_message = n.last_message, last_response_time = n.last_response_time,
    last_metrics = n.last_metrics::jsonb, outcomes = n.outcomes
FROM unnest(:check_ids, :statuses, :hards, :attempts, :hard_statuses, :successes, :bits, :flappings, :sequences,
            :since_at, :result_at, :messages, :response_times, :metrics, :outcomes)
    AS n(check_id, status, is_hard, attempt, hard_status, successes, flapping_bits, is_flapping, last_sequence,
         since_at, last_result_at, last_message, last_response_time, last_metrics, outcomes)
WHERE st.check_id = n.check_id
""").bindparams(
    *_arrays(
        check_ids=Uuid(), statuses=Text(), hards=Boolean(), attempts=Integer(), hard_statuses=Text(),
        successes=Integer(), bits=Integer(), flappings=Boolean(), sequences=BigInteger(), since_at=_INSTANT,
        result_at=_INSTANT, messages=Text(), response_times=Double(), metrics=Text(), outcomes=Text(),
    )
)  # fmt: skip

# Releasing is conditional on the claim's token: the lease of a newer claim is not touched.
_RELEASE = text("""
UPDATE check_schedules s SET
    lease_until = NULL,
    next_due_at = LEAST(s.next_due_at, COALESCE(r.retry_at, s.next_due_at)),
    cause = CASE WHEN r.retry_at < s.next_due_at THEN 'retry' ELSE s.cause END
FROM unnest(:check_ids, :sequences, :retries_at) AS r(check_id, sequence, retry_at)
WHERE s.check_id = r.check_id AND s.sequence = r.sequence
""").bindparams(*_arrays(check_ids=Uuid(), sequences=BigInteger(), retries_at=_INSTANT))

_TRANSITION = text("""
INSERT INTO transitions (id, check_id, at, sequence, old_status, new_status, is_hard, attempt, reason, message)
SELECT * FROM unnest(:ids, :check_ids, :at, :sequences, :old_statuses, :new_statuses, :hards, :attempts, :reasons,
                     :messages)
""").bindparams(
    *_arrays(
        ids=Uuid(), check_ids=Uuid(), at=_INSTANT, sequences=BigInteger(), old_statuses=Text(), new_statuses=Text(),
        hards=Boolean(), attempts=Integer(), reasons=Text(), messages=Text(),
    )
)  # fmt: skip

# Skipping locked rows: a parent that is being claimed at this moment is about to be probed anyway.
_PROBE_PARENTS = text("""
WITH wanted AS (
    SELECT s.check_id FROM check_schedules s
    WHERE s.check_id IN (SELECT parent_id FROM check_dependencies WHERE check_id = ANY(:ids))
      AND s.is_active AND s.lease_until IS NULL AND s.next_due_at > :now
    FOR UPDATE SKIP LOCKED
)
UPDATE check_schedules s SET next_due_at = :now, cause = 'dependency' FROM wanted WHERE s.check_id = wanted.check_id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

# A composite that is being probed looks at what was believed before, so it is made due whatever its lease. All
# composites of a batch are locked here, by id and before anything else, lest two batches wait for each other.
_PROBE_COMPOSITES = text("""
WITH wanted AS (
    SELECT s.check_id, s.is_active AND s.next_due_at > :now AND c.config -> 'of' ?| :slugs AS is_concerned
    FROM check_schedules s JOIN checks c ON c.id = s.check_id
    WHERE c.kind = 'composite' AND c.is_enabled AND (c.config -> 'of' ?| :slugs OR c.id = ANY(:ids))
    ORDER BY s.check_id
    FOR UPDATE OF s
)
UPDATE check_schedules s SET next_due_at = :now, cause = 'dependency'
FROM wanted WHERE s.check_id = wanted.check_id AND wanted.is_concerned
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)), bindparam("slugs", type_=ARRAY(Text)))


class EvaluationRows(EvaluationTransaction):
    """Results, states and alerts within one transaction of evaluating."""

    def __init__(self, connection: Connection, group_interval: timedelta = GROUP_INTERVAL) -> None:
        self._connection = connection
        self._alerts = AlertRows(connection, group_interval)

    def lock(self, check_ids: Iterable[UUID], now: datetime) -> Mapping[UUID, Watched]:
        rows = self._connection.execute(_LOCK, {"ids": list(check_ids)}).mappings().all()
        watched = {}
        for row in rows:
            alert = None
            if row["alert_id"] is not None:
                alert = OpenAlert(
                    row["alert_id"],
                    Severity(row["alert_severity"]),
                    Status(row["alert_status"]),
                    row["alert_is_flapping"],
                )
            recovers_at = frozenset(row["recovers_at"] or ())
            watched[row["id"]] = Watched(to_check(row), to_state(row), alert, recovers_at=recovers_at)
        return self._with_quiet(watched, now)

    def _with_quiet(self, watched: dict[UUID, Watched], now: datetime) -> Mapping[UUID, Watched]:
        """Only a hard bad or flapping check without an alert asks whether a person resolved one lately."""
        asking = [
            i
            for i, w in watched.items()
            if w.alert is None and w.state.was_probed and (w.state.hard_status.is_bad or w.state.is_flapping)
        ]
        if asking:
            rows = self._connection.execute(_QUIET, {"ids": asking, "after": now - REOPENS_AFTER})
            for check_id, resolved_at in rows:
                present = watched[check_id]
                watched[check_id] = replace(present, quiet_until=resolved_at + REOPENS_AFTER)
        return watched

    def write(self, evaluated: Evaluated, now: datetime) -> list[Due]:
        if not evaluated.stored:
            return []
        self._probe_composites(evaluated, now)
        self._store(evaluated)
        self._save_states(evaluated)
        self._release(evaluated)
        self._note_transitions(evaluated)
        if evaluated.newly_bad:
            self._connection.execute(_PROBE_PARENTS, {"ids": list(evaluated.newly_bad), "now": now})
        dues = apply_moves(self._connection, self._alerts, evaluated.alert_moves, now)
        return dues + call_recovery(self._connection, evaluated.calls, now) if evaluated.calls else dues

    def _probe_composites(self, evaluated: Evaluated, now: datetime) -> None:
        if evaluated.newly_believed:
            values = {"slugs": list(evaluated.newly_believed), "ids": list(evaluated.latest), "now": now}
            self._connection.execute(_PROBE_COMPOSITES, values)

    def _store(self, evaluated: Evaluated) -> None:
        stored = evaluated.stored
        self._connection.execute(
            _STORE,
            {
                "check_ids": [r.check_id for r in stored],
                "started_at": [r.started_at for r in stored],
                "sequences": [r.sequence for r in stored],
                "statuses": [r.status.value for r in stored],
                "messages": [r.message for r in stored],
                "response_times": [r.response_time for r in stored],
                "metrics": [json.dumps(dict(r.metrics)) for r in stored],
                "causes": [r.cause.value for r in stored],
                "slots_at": [r.slot_at for r in stored],
                "workers": [r.worker for r in stored],
            },
        )

    def _note_transitions(self, evaluated: Evaluated) -> None:
        if not evaluated.transitions:
            return
        check_ids, changes, results = zip(*evaluated.transitions, strict=True)
        self._connection.execute(
            _TRANSITION,
            {
                "ids": [uuid7() for _ in changes],
                "check_ids": list(check_ids),
                "at": [r.started_at for r in results],
                "sequences": [r.sequence for r in results],
                "old_statuses": [c.old.status.value for c in changes],
                "new_statuses": [c.new.status.value for c in changes],
                "hards": [c.new.is_hard for c in changes],
                "attempts": [c.new.attempt for c in changes],
                "reasons": [c.reason for c in changes],
                "messages": [r.message for r in results],
            },
        )

    def _save_states(self, evaluated: Evaluated) -> None:
        if not evaluated.latest:
            return
        ids, pairs = list(evaluated.latest), list(evaluated.latest.values())
        states, results = [state for state, _ in pairs], [result for _, result in pairs]
        self._connection.execute(
            _SAVE_STATES,
            {
                "check_ids": ids,
                "statuses": [s.status.value for s in states],
                "hards": [s.is_hard for s in states],
                "attempts": [s.attempt for s in states],
                "hard_statuses": [s.hard_status.value for s in states],
                "successes": [s.successes for s in states],
                "bits": [s.flapping_bits for s in states],
                "flappings": [s.is_flapping for s in states],
                "sequences": [s.last_sequence for s in states],
                "since_at": [s.since_at for s in states],
                "result_at": [r.started_at for r in results],
                "messages": [r.message for r in results],
                "response_times": [r.response_time for r in results],
                "metrics": [json.dumps(dict(r.metrics)) for r in results],
                "outcomes": [f"{s.outcomes:x}" for s in states],
            },
        )

    def _release(self, evaluated: Evaluated) -> None:
        stored = evaluated.stored
        retries = evaluated.retry_at
        self._connection.execute(
            _RELEASE,
            {
                "check_ids": [r.check_id for r in stored],
                "sequences": [r.sequence for r in stored],
                "retries_at": [retries.get(r.check_id) for r in stored],
            },
        )
