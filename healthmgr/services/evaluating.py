"""Judging results: thresholds, soft and hard states, flapping; transitions and alerts.

Serial per check: a batch locks the states of its checks, and everything that follows from it (results,
states, transitions, alerts, and the dispatch row of every group that has something to tell) is one commit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.alert import (
    AlertDecision,
    Amend,
    Close,
    Keep,
    Open,
    OpenAlert,
    alert_labels,
    decide,
    fingerprint,
)
from healthmgr.domain.check import Check, Status
from healthmgr.domain.dispatch import Due
from healthmgr.domain.error_rate import ERROR_RATE, FEWEST, NO_OUTCOMES, error_rate, outcome_count, remember_outcome
from healthmgr.domain.result import Result
from healthmgr.domain.state import Change, State, advance
from healthmgr.errors import Unavailable

log = structlog.get_logger(__name__)

ORIGIN = "healthmgr"


@dataclass(frozen=True, slots=True)
class Watched:
    """A check under evaluation, its row locked. `quiet_until`: how long a manual resolution still holds.

    `recovers_at` are the attempts at which any runbook of this installation starts by itself, 0 for a hard state.
    """

    check: Check
    state: State
    alert: OpenAlert | None
    quiet_until: datetime | None = None
    recovers_at: frozenset[int] = frozenset()


@dataclass(slots=True)
class Evaluated:
    """Everything that one batch wants written. `newly_believed` are the slugs whose hard status has changed.

    `calls` are failings that runbooks may answer: the check and the soft attempt, 0 where its state is hard.
    """

    stored: list[Result] = field(default_factory=list)
    latest: dict[UUID, tuple[State, Result]] = field(default_factory=dict)
    retry_at: dict[UUID, datetime] = field(default_factory=dict)
    transitions: list[tuple[UUID, Change, Result]] = field(default_factory=list)
    alert_moves: list[AlertMove] = field(default_factory=list)
    newly_bad: set[UUID] = field(default_factory=set)
    newly_believed: set[str] = field(default_factory=set)
    calls: list[tuple[UUID, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AlertMove:
    """One decision about an alert, with what its row needs."""

    watched: Watched
    decision: Open | Amend | Close
    result: Result
    fingerprint: str
    labels: Mapping[str, str]


class EvaluationTransaction(Protocol):
    """One transaction of evaluation; commits when its context ends well."""

    def lock(self, check_ids: Iterable[UUID], now: datetime) -> Mapping[UUID, Watched]:
        """Lock the states of these checks, in a fixed order, and read what judging needs."""
        ...

    def write(self, evaluated: Evaluated, now: datetime) -> list[Due]:
        """Write a batch; the dispatches that are now due."""
        ...


class EvaluationStore(Protocol):
    """Where evaluation's rows are."""

    def begin(self) -> AbstractContextManager[EvaluationTransaction]:
        """Open a transaction."""
        ...


class Evaluating:
    """Judges batches of results."""

    def __init__(self, store: EvaluationStore) -> None:
        self._store = store

    def evaluate(self, results: Sequence[Result], now: datetime) -> list[Due]:
        """Judge and store a batch; the dispatches that are now due.

        A batch that fails is split until the result at fault stands alone: in its place an *unknown* one is
        judged, so that a check whose results cannot be evaluated does not go unwatched in silence. Raises
        Unavailable when the database does not answer.
        """
        if not results:
            return []
        try:
            return self._evaluate(results, now)
        except Unavailable:
            raise
        except Exception as error:
            if len(results) == 1:
                return self._evaluate_poison(results[0], error, now)
        middle = len(results) // 2
        return self.evaluate(results[:middle], now) + self.evaluate(results[middle:], now)

    def _evaluate_poison(self, result: Result, error: Exception, now: datetime) -> list[Due]:
        bound = log.bind(check_id=str(result.check_id), sequence=result.sequence)
        bound.error("result_not_evaluable", exc_info=error)
        message = f"its result could not be evaluated: {type(error).__name__}"
        try:
            return self._evaluate([replace(result, status=Status.UNKNOWN, message=message, metrics={})], now)
        except Unavailable:
            raise
        except Exception:
            bound.exception("check_not_evaluable")
            return []

    def _evaluate(self, results: Sequence[Result], now: datetime) -> list[Due]:
        with self._store.begin() as transaction:
            watched = transaction.lock({result.check_id for result in results}, now)
            return transaction.write(judge_batch(results, watched, now), now)


def read_results(wire: Iterable[Mapping[str, Any]]) -> list[Result]:
    """The results of a message; a malformed one is logged and left to its check's lease."""
    results = []
    for data in wire:
        try:
            results.append(Result.from_wire(data))
        except (KeyError, ValueError) as error:
            log.error("result_not_readable", error=f"{type(error).__name__}: {error}")
    return results


def judge_batch(results: Sequence[Result], watched: Mapping[UUID, Watched], now: datetime) -> Evaluated:
    """What a batch of results does, pure: results of unknown checks are left out."""
    evaluated = Evaluated()
    in_order = sorted(results, key=lambda r: (r.check_id, r.sequence))
    for check_id, group in itertools.groupby(in_order, key=lambda r: r.check_id):
        present = watched.get(check_id)
        if present is None:
            continue
        for result in group:
            present = _judge(result, present, evaluated, now)
    return evaluated


def _judge(result: Result, watched: Watched, evaluated: Evaluated, now: datetime) -> Watched:
    check, state = watched.check, watched.state
    if result.sequence <= state.last_sequence or not check.is_enabled or check.is_paused:
        evaluated.stored.append(_apply_thresholds(result, check))
        return watched
    judged, outcomes = _judge_result(result, check, state)
    evaluated.stored.append(judged)
    change = advance(
        state,
        judged.status,
        at=judged.started_at,
        sequence=result.sequence,
        max_attempts=1 if judged.is_conclusive else check.max_attempts,
        detects_flapping=check.detects_flapping,
        outcomes=outcomes,
    )
    decision = decide(change, check, watched.alert, watched.quiet_until, now)
    evaluated.latest[check.id] = (change.new, judged)
    if change.is_transition:
        evaluated.transitions.append((check.id, change, judged))
    if change.is_newly_bad:
        evaluated.newly_bad.add(check.id)
    if change.is_hard_change:
        evaluated.newly_believed.add(check.slug)
    if change.new.is_hard:
        evaluated.retry_at.pop(check.id, None)
    else:
        evaluated.retry_at[check.id] = now + check.retry_interval
    call = _call(change, decision)
    if call in watched.recovers_at:
        evaluated.calls.append((check.id, call))
    _log(check, change, decision)
    if isinstance(decision, Keep):
        return replace(watched, state=change.new)
    move = _to_move(replace(watched, state=change.new), decision, judged)
    evaluated.alert_moves.append(move)
    return replace(watched, state=change.new, alert=_alert_after(watched.alert, move))


def _judge_result(result: Result, check: Check, state: State) -> tuple[Result, int]:
    """The result with the check's error rate as a metric and all limits applied; the ring of outcomes after it.

    The ring keeps what the result says without the limit on the rate, or a rate once too high would never
    fall again. A check type that measures an error rate of its own keeps it.
    """
    judged = _apply_thresholds(result, check)
    outcomes = remember_outcome(state.outcomes if state.was_probed else NO_OUTCOMES, judged.status)
    rate = error_rate(outcomes)
    if rate is None or ERROR_RATE in result.metrics:
        return judged, outcomes
    metrics = {**result.metrics, ERROR_RATE: rate}
    if outcome_count(outcomes) < FEWEST or not check.thresholds.names(ERROR_RATE):
        return replace(judged, metrics=metrics), outcomes
    return _apply_thresholds(replace(result, metrics=metrics), check), outcomes


def _apply_thresholds(result: Result, check: Check) -> Result:
    """The result with its status worsened by crossed thresholds; "could not tell" stays what it is."""
    if result.status in (Status.UNKNOWN, Status.UNHEALTHY):
        return result
    crossings = check.thresholds.crossings(result.response_time, result.metrics)
    if not crossings:
        return result
    status = Status.UNHEALTHY if crossings[0].is_critical else Status.DEGRADED
    told = "; ".join(str(crossing) for crossing in crossings if crossing.is_critical is crossings[0].is_critical)
    return replace(result, status=status, message=f"{told} ({result.message})" if result.message else told)


def _call(change: Change, decision: AlertDecision) -> int | None:
    """The attempt at which runbooks are called; 0 when the state has become hard or an alert opens; None: not now."""
    if not change.new.status.is_bad:
        return None
    if not change.new.is_hard:
        return change.new.attempt
    return 0 if change.is_hard_change or isinstance(decision, Open) else None


def _to_move(watched: Watched, decision: Open | Amend | Close, result: Result) -> AlertMove:
    labels = alert_labels(watched.check)
    return AlertMove(watched, decision, result, fingerprint(ORIGIN, labels), labels)


def _alert_after(alert: OpenAlert | None, move: AlertMove) -> OpenAlert | None:
    match move.decision:
        case Close():
            return None
        case Open(severity=severity, is_flapping=is_flapping):
            # The row's id is given by storage; within the batch any identity will do.
            return OpenAlert(UUID(int=0), severity, move.result.status, is_flapping)
        case Amend(severity=severity, is_flapping=is_flapping):
            assert alert is not None  # noqa: S101 - only an open alert is amended
            return replace(alert, severity=severity, status=move.result.status, is_flapping=is_flapping)


def _log(check: Check, change: Change, decision: AlertDecision) -> None:
    if not change.is_transition and isinstance(decision, Keep):
        return
    log.info(
        "state_changed",
        check=check.slug,
        old=change.old.status.value,
        new=change.new.status.value,
        hard=change.new.is_hard,
        attempt=change.new.attempt,
        decision=type(decision).__name__.lower(),
        reason=decision.reason.value,
    )
