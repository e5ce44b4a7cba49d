"""Repairing what fails, by runbooks: a check's failing becomes runs, a run goes on a step at a time.

Everything is a row before it is a message. A step is claimed and committed, carried out, and written back on the
claim's token; one whose lease ends is given up, and a person told, for nobody does it again blindly.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from healthmgr.domain.approval import needs_approval
from healthmgr.domain.dispatch import Due
from healthmgr.domain.proof import proof_of_step
from healthmgr.domain.rails import Judgement, RecoveryRules, Refuse, judge
from healthmgr.domain.run import Broke, Did, advance
from healthmgr.domain.run_state import RunState
from healthmgr.domain.runbook import Runbook
from healthmgr.domain.step import Ask, Pause, StepOutcome, Tell, Verify
from healthmgr.errors import Conflict, NotFound, Unavailable
from healthmgr.services.commanding import Act
from healthmgr.services.recovering_asking import ask_at_step
from healthmgr.services.recovering_making import answers, called_by_hand, make_run, refuse_unknown
from healthmgr.services.recovering_moving import note_step, settle
from healthmgr.services.recovering_ports import (
    ClaimedStep,
    Ended,
    RecoveringStore,
    RecoveringTransaction,
    Run,
    Trigger,
)
from healthmgr.services.recovering_telling import tell
from healthmgr.services.recovering_turns import LEASE, Turning, refuse, stop
from healthmgr.services.recovering_undoing import undo
from healthmgr.services.repairing import Repairing

log = structlog.get_logger(__name__)

_WRITES_BACK_WITHIN = 8  # tries, a second apart: what a step did must not be lost to a database that restarts


@dataclass(frozen=True, slots=True)
class Started:
    """A run that a person has started."""

    run_id: UUID
    number: int
    state: RunState


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rails say of a run that would start now, and whether somebody would be asked first."""

    judgement: Judgement
    needs_approval: bool


class Recovering:
    """Starts runs and carries them on. What people do raises NotFound, and Conflict for what a rail refuses."""

    def __init__(
        self,
        store: RecoveringStore,
        by_hand: RecoveringStore,
        repairing: Repairing,
        rules: RecoveryRules,
        worker: str,
    ) -> None:
        """`by_hand` is the same store for what people do: nobody sends a reminder then, and the sweep does."""
        self._store = store
        self._by_hand = by_hand
        self._repairing = repairing
        self._rules = rules
        self._turning = Turning(rules, worker, repairing.is_destructive)

    # ---- By itself -------------------------------------------------------------------------------

    def consider(self, call_id: UUID, now: datetime) -> list[Due]:
        """Make a run of every runbook that answers this failing; each is judged when it is about to start."""
        with self._store.begin() as transaction:
            called = transaction.take_call(call_id)
            if called is None:
                return []
            answering = [runbook for runbook, is_named in called.runbooks if answers(runbook, called, is_named)]
            dues: list[Due] = []
            for runbook in answering:
                trigger = Trigger.SOFT if called.attempt else Trigger.HARD
                run, wrong = make_run(runbook, called, trigger, {}, now)
                run = transaction.open_run(run, now)
                dues += refuse(transaction, run, wrong, now) if wrong else transaction.save_run(run, now)
        if answering:
            log.info("runs_made", check=called.check.slug, runbooks=[runbook.name for runbook in answering])
        return dues

    def advance(
        self, run_id: UUID, token: int, now: Callable[[], datetime], hold: Callable[[ClaimedStep], None]
    ) -> list[Due]:
        """Do what is due for a run: one step at most. The reminders to send.

        `now` is asked before and after the step; `hold` is told what is under way, so that the caller can renew its
        lease.
        """
        turned = self._turn(run_id, token, now)
        if not isinstance(turned, ClaimedStep):
            return turned
        hold(turned)
        outcome, ended = self._repairing.carry_out(turned, now)
        return self._write_back(turned, outcome, ended, now)

    def _turn(self, run_id: UUID, token: int, now: Callable[[], datetime]) -> ClaimedStep | list[Due]:
        """One turn in one transaction, tried again where its alert goes into an incident at that very moment."""
        for is_last in (False, False, True):
            at = now()
            try:
                with self._store.begin() as transaction:
                    run = transaction.take_run(run_id, token=token, now=at)
                    return self._turning.turn(transaction, run, at) if run is not None else []
            except Unavailable as error:
                if is_last:
                    raise
                log.info("turn_tried_again", run=str(run_id), error=str(error))
        raise AssertionError("the last try returns or raises")

    def renew(self, claims: Sequence[ClaimedStep], now: datetime) -> None:
        """Prolong the leases of steps that are still within their time."""
        held = [claimed for claimed in claims if now < claimed.deadline]
        if held:
            with self._store.begin() as transaction:
                transaction.hold_run(held, now + LEASE)

    # ---- By people -------------------------------------------------------------------------------

    def start(self, runbook: str, act: Act, *, check: str = "", parameters: Mapping[str, Any] | None = None) -> Started:
        """Start a run by hand; the same rails hold, and say at once why it may not."""
        with self._by_hand.begin() as transaction:
            found = transaction.runbook(runbook)
            if found is None:
                raise NotFound(f"There is no runbook {runbook!r}: `healthmgr runbooks list` shows those that exist")
            called = called_by_hand(transaction, found, check, act.now)
            refuse_unknown(found, parameters or {})
            run, wrong = make_run(found, called, Trigger.PERSON, parameters or {}, act.now, started_by=act.actor)
            if wrong is not None:
                raise Conflict(f"Runbook {runbook} is not started: {wrong.words}.")
            # Its incident is locked with it, and before the lock of those that start.
            run = transaction.open_run(run, act.now)
            facts = transaction.facts(run, act.now, is_automation_on=self._rules.is_automation_on)
            refused = judge(found, facts, self._rules.most_attempts, act.now)
            if isinstance(refused, Refuse):
                raise Conflict(f"Runbook {runbook} is not started: {refused.words}.")
            self._turning.start(transaction, run, act.now)
            detail = {
                "runbook": runbook,
                "check": check,
                "parameters": sorted(parameters or {}),
                "comment": act.comment,
            }
            transaction.audit(act.actor, act.origin, "run.start", str(run.id), detail, act.now)
            after = transaction.take_run(run.id)
        log.info("run_started_by_hand", run=run.number, runbook=runbook, actor=act.actor)
        return Started(run.id, run.number, after.progress.state if after else RunState.PENDING)

    def cancel(self, run_id: UUID, act: Act, *, rolls_back: bool = False) -> RunState:
        """End a run; a step that is under way is finished before. What was done is undone where that is asked for."""
        with self._by_hand.begin() as transaction:
            run = transaction.take_run(run_id)
            if run is None:
                raise NotFound(f"There is no run {run_id}.")
            if run.progress.state.is_over:
                raise Conflict(f"Run {run.number} is over: it is {run.progress.state.value.replace('_', ' ')}.")
            if run.progress.is_rolling_back:
                raise Conflict(f"Run {run.number} is undoing what it did, which is not stopped half way.")
            run = replace(run, cancelled_by=act.actor, rolls_back=rolls_back)
            if run.is_under_way:
                transaction.mark_cancelled(run)
            else:
                stop(transaction, run, act.now)
            detail = {"rolls_back": rolls_back, "comment": act.comment}
            transaction.audit(act.actor, act.origin, "run.cancel", str(run_id), detail, act.now)
            after = transaction.take_run(run_id)
        return after.progress.state if after else RunState.CANCELLED

    def undo(self, run_id: UUID, act: Act) -> RunState:
        """Undo what a run that is over left behind, as its steps say; also what nobody saw end, for a person says so.

        Raises NotFound, and Conflict where nothing is to be undone, or another run repairs its target.
        """
        with self._by_hand.begin() as transaction:
            run = transaction.take_run(run_id)
            if run is None:
                raise NotFound(f"There is no run {run_id}.")
            state = undo(transaction, run, act, is_automation_on=self._rules.is_automation_on)
        log.info("run_undone", run=run.number, runbook=run.runbook.name, actor=act.actor)
        return state

    def judge(self, runbook: Runbook, check: str, now: datetime, *, is_automatic: bool = True) -> Verdict:
        """What would be said of a run that started now; nothing is changed. Raises NotFound."""
        with self._by_hand.begin() as transaction:
            called = called_by_hand(transaction, runbook, check, now)
            trigger = Trigger.HARD if is_automatic else Trigger.PERSON
            started_by = "" if is_automatic else "somebody"
            run, wrong = make_run(runbook, called, trigger, {}, now, started_by=started_by)
            facts = transaction.facts(run, now, is_automation_on=self._rules.is_automation_on)
        asks = needs_approval(
            runbook, run.severity, started_by=started_by, asks_for_critical=self._rules.asks_for_critical
        )
        return Verdict(wrong or judge(runbook, facts, self._rules.most_attempts, now), asks)

    # ---- What a step came to ---------------------------------------------------------------------

    def _write_back(
        self, claimed: ClaimedStep, outcome: StepOutcome | Broke, ended: Ended, now: Callable[[], datetime]
    ) -> list[Due]:
        pause = threading.Event()
        for _ in range(_WRITES_BACK_WITHIN - 1):
            try:
                return self._write(claimed, outcome, ended, now())
            except Unavailable as error:
                log.warning("step_not_written_back", run=claimed.run.number, error=str(error))
                pause.wait(1.0)
        return self._write(claimed, outcome, ended, now())

    def _write(self, claimed: ClaimedStep, outcome: StepOutcome | Broke, ended: Ended, now: datetime) -> list[Due]:
        with self._store.begin() as transaction:
            run = transaction.take_run(claimed.run.id, token=claimed.token)
            if run is None or not run.is_under_way:
                transaction.end_late(claimed.step_id, ended, now)
                log.warning("step_came_too_late", run=claimed.run.number, step=claimed.step.id)
                return []
            return self._conclude(transaction, run, claimed, outcome, ended, now)

    def _conclude(
        self,
        transaction: RecoveringTransaction,
        run: Run,
        claimed: ClaimedStep,
        outcome: StepOutcome | Broke,
        ended: Ended,
        now: datetime,
    ) -> list[Due]:
        """The outcome of a step becomes the run's next move; what healthmgr itself has to do is done or begun."""
        step = claimed.step
        dues: list[Due] = []
        if isinstance(outcome, Ask) and run.progress.is_rolling_back:
            outcome = Broke("a step that undoes asks nobody", is_permanent=True)
        if isinstance(outcome, Tell):
            message, dues = tell(transaction, run, outcome, now)
            ended = replace(ended, message=message)
        transaction.end_step(run, ended, now)
        if isinstance(outcome, Verify | Ask):
            return self._begin_to_wait(transaction, run, claimed, outcome, now)
        note_step(transaction, run, ended, step.id, now)
        if ended.facts:
            run = replace(run, facts={**run.facts, step.id: dict(ended.facts)})
        event = outcome if isinstance(outcome, Broke) else Did(outcome.length) if isinstance(outcome, Pause) else Did()
        dues += settle(transaction, run, advance(run.progress, event), now)
        return dues

    def _begin_to_wait(
        self, transaction: RecoveringTransaction, run: Run, claimed: ClaimedStep, asked: Verify | Ask, now: datetime
    ) -> list[Due]:
        step = claimed.step
        if isinstance(asked, Ask):
            return ask_at_step(transaction, run, asked, step.id, now)
        check = asked.check or run.check
        state = RunState.ROLLING_BACK if run.progress.is_rolling_back else RunState.VERIFYING
        awaited = proof_of_step(asked, check, now + step.timeout, now)
        waiting = replace(
            run, progress=replace(run.progress, state=state), awaited=awaited, is_under_way=False, due_at=now
        )
        return transaction.save_run(waiting, now)
