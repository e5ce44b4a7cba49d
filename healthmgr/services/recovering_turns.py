"""One turn of a run: what is due for it now, decided and written in one transaction.

A turn ends with the run as it is then, or with a step in our hands: that is carried out when the claim is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from healthmgr.domain import proof
from healthmgr.domain.approval import ApprovalState, needs_approval, tally
from healthmgr.domain.assertion import NotEvaluable
from healthmgr.domain.condition import complaint_of
from healthmgr.domain.dispatch import Due
from healthmgr.domain.rails import Facts, Permit, RecoveryRules, RefusalReason, Refuse, judge, judge_again
from healthmgr.domain.run import Begun, Broke, Declined, Did, Event, Judged, Lost, Move, Skipped, Stopped, advance
from healthmgr.domain.run_state import RunReason, RunState, StepState
from healthmgr.domain.run_values import values_of
from healthmgr.domain.runbook import Step
from healthmgr.domain.timeline import EntryKind
from healthmgr.services.recovering_asking import LOOKS_FOR_HEALING_EVERY, ask_before_the_first_step, may_approve
from healthmgr.services.recovering_moving import note, note_step, settle
from healthmgr.services.recovering_ports import ClaimedStep, Ended, RecoveringTransaction, Run, Trigger

LEASE = timedelta(seconds=20)
RENEW_EVERY = timedelta(seconds=4)  # far below the lease
# A plugin is held to its timeout by itself; beyond this, nobody renews its lease any more.
GRACE = timedelta(seconds=20)
WAITS_FOR_INCIDENT = timedelta(seconds=5)
_SOON = timedelta(milliseconds=250)


@dataclass(frozen=True, slots=True)
class Turning:
    """Turns of one worker. `is_destructive` says it of a kind of step."""

    rules: RecoveryRules
    worker: str
    is_destructive: Callable[[str], bool]

    def turn(self, transaction: RecoveringTransaction, run: Run, now: datetime) -> ClaimedStep | list[Due]:
        """Do what is due for a run."""
        if run.is_under_way:
            return self._abandon(transaction, run, now)
        if run.cancelled_by and not run.progress.is_rolling_back:
            return stop(transaction, run, now)
        if run.progress.state is RunState.PENDING:
            return self.start(transaction, run, now)
        if run.progress.state is RunState.AWAITING_APPROVAL:
            return self._await_answer(transaction, run, now)
        if run.ends_by is not None and now >= run.ends_by and not run.progress.is_rolling_back:
            length = run.runbook.timeout or self.rules.timeout
            return self._happened(transaction, run, Stopped(RunReason.TOOK_TOO_LONG, proof.too_long(length)), now)
        if run.awaited is not None:
            return self._look(transaction, run, run.awaited, now)
        if run.progress.step is None and not run.progress.is_rolling_back:
            return self._begin_proof(transaction, run, now)
        return self._step(transaction, run, now)

    # ---- Before the first step -------------------------------------------------------------------

    def start(self, transaction: RecoveringTransaction, run: Run, now: datetime) -> list[Due]:
        """Let a run start, ask people first, have it wait, or refuse it: the rails decide."""
        awaits_incident = run.trigger is Trigger.HARD and run.alert_id is not None and run.incident_id is None
        if awaits_incident and now < run.created_at + WAITS_FOR_INCIDENT:
            # So that what it does stands on the incident's timeline, and its steps have somebody to tell.
            return transaction.save_run(replace(run, due_at=now + _SOON), now)
        facts = transaction.facts(run, now, is_automation_on=self.rules.is_automation_on)
        judgement = judge(run.runbook, facts, self.rules.most_attempts, now)
        if isinstance(judgement, Refuse):
            return self._refuse(transaction, run, judgement, now)
        asks = needs_approval(
            run.runbook,
            run.severity,
            started_by=run.started_by,
            asks_for_critical=self.rules.asks_for_critical,
            may_approve=may_approve(transaction, run.runbook.approval.approvers, run.started_by, now),
        )
        note(transaction, run, EntryKind.RUN_STARTED, run.trigger.value, now, actor=run.started_by)
        if asks:
            return ask_before_the_first_step(transaction, run, now)
        return begin(transaction, run, self.rules, now)

    def _refuse(self, transaction: RecoveringTransaction, run: Run, refused: Refuse, now: datetime) -> list[Due]:
        if refused.until is not None:
            is_news = run.reason != refused.reason.value
            waiting = replace(run, reason=refused.reason.value, words=refused.words, due_at=refused.until)
            if is_news:
                note(transaction, run, EntryKind.RUN_WAITS, refused.reason.value, now, words=refused.words)
            return transaction.save_run(waiting, now)
        return refuse(transaction, run, refused, now)

    def _await_answer(self, transaction: RecoveringTransaction, run: Run, now: datetime) -> list[Due]:
        """While people think, the problem may go away, or the time for an answer end."""
        asked = transaction.open_question(run.id)
        if run.is_automatic and run.acted_at is None and transaction.is_healthy(run):
            return self._happened(transaction, run, Stopped(RunReason.HEALED, "it is healthy again"), now)
        if asked is None or tally(asked.question, now) is ApprovalState.EXPIRED:
            words = "nobody answered in time, which counts as a no"
            if asked is not None:
                transaction.decide(asked, ApprovalState.EXPIRED.value, now)
            return declined(transaction, run, asked.step if asked else "", RunReason.APPROVAL_EXPIRED, words, now)
        again_at = min(asked.question.expires_at, now + LOOKS_FOR_HEALING_EVERY)
        return transaction.save_run(replace(run, due_at=again_at), now)

    # ---- Steps -----------------------------------------------------------------------------------

    def _step(self, transaction: RecoveringTransaction, run: Run, now: datetime) -> ClaimedStep | list[Due]:
        step = run.progress.step
        if step is None:
            raise ValueError(f"run {run.number} is {run.progress.state} behind its last step")
        does_harm = self.is_destructive(step.kind)
        if does_harm and not run.progress.is_rolling_back:
            stopped = self._rails_again(transaction.changed_facts(run, now), run)
            if stopped is not None:
                return self._happened(transaction, run, stopped, now)
        values = values_for(run)
        try:
            complaint = complaint_of(step.when, values)
        except NotEvaluable as error:
            words = f"whether it is to be taken cannot be told: {error}"
            transaction.skip_step(run, step, words, self.worker, now)
            return self._happened(transaction, run, Broke(words, is_permanent=True), now)
        if complaint:
            transaction.skip_step(run, step, complaint, self.worker, now)
            note_step(transaction, run, Ended(StepState.SKIPPED, complaint), step.id, now)
            return self._happened(transaction, run, Skipped(), now)
        return self._claim(transaction, run, step, values, now, does_harm=does_harm)

    def _rails_again(self, facts: Facts, run: Run) -> Stopped | None:
        if run.is_automatic and run.acted_at is None and facts.status.value == "healthy":
            return Stopped(RunReason.HEALED, "it is healthy again")
        judgement = judge_again(facts)
        return None if isinstance(judgement, Permit) else Stopped(RunReason.RAILS, judgement.words)

    def _claim(
        self,
        transaction: RecoveringTransaction,
        run: Run,
        step: Step,
        values: Mapping[str, Any],
        now: datetime,
        *,
        does_harm: bool,
    ) -> ClaimedStep:
        state = RunState.ROLLING_BACK if run.progress.is_rolling_back else RunState.RUNNING
        run = replace(
            run,
            progress=replace(run.progress, state=state),
            is_under_way=True,
            acted_at=run.acted_at or (now if does_harm else None),
            due_at=now + LEASE,
        )
        transaction.save_run(run, now)
        token = run.token + 1
        step_id = transaction.begin_step(run, step, self.worker, token, now)
        return ClaimedStep(replace(run, token=token), step, step_id, token, values, now + step.timeout + GRACE)

    def _abandon(self, transaction: RecoveringTransaction, run: Run, now: datetime) -> list[Due]:
        """The lease of whoever carries out its step is over: nobody knows what it did, and nobody does it again."""
        words = "its worker has shown no sign of life since it began"
        step = transaction.end_step(run, Ended(StepState.ABANDONED, words), now)
        note_step(transaction, run, Ended(StepState.ABANDONED, words), step, now)
        return self._happened(transaction, run, Lost(f"step {step}: {words}"), now)

    # ---- Proof -----------------------------------------------------------------------------------

    def _begin_proof(self, transaction: RecoveringTransaction, run: Run, now: datetime) -> list[Due]:
        check = transaction.check(run.check) if run.check else None
        if check is None:
            words = "there is no check that could show it"
            return self._happened(transaction, run, Judged(False, words) if run.check else Judged(True, words), now)
        run = replace(run, progress=replace(run.progress, state=RunState.VERIFYING))
        return self._look(transaction, run, proof.proof_of_effect(check, now), now)

    def _look(self, transaction: RecoveringTransaction, run: Run, awaited: proof.Proof, now: datetime) -> list[Due]:
        """Order the probe that is due, or look at what came back."""
        found: proof.Proved | proof.Disproved | proof.Awaits
        if awaited.order_at is not None and now >= awaited.order_at and now < awaited.until:
            after = transaction.order_probe(awaited.check, now)
            if isinstance(after, int):
                found = proof.ordered(awaited, after, now)
            else:
                found = proof.not_probed(awaited.check, after)
        else:
            since = awaited.ordered_at
            seen = transaction.seen(awaited.check, awaited.after, since) if since and awaited.order_at is None else []
            found = proof.judge(awaited, seen, now)
        match found:
            case proof.Awaits(proof=still, at=at):
                return transaction.save_run(replace(run, awaited=still, due_at=at), now)
            case proof.Proved(words=words) | proof.Disproved(words=words):
                return self._proved(transaction, run, isinstance(found, proof.Proved), words, now)

    def _proved(
        self, transaction: RecoveringTransaction, run: Run, is_proved: bool, words: str, now: datetime
    ) -> list[Due]:
        if run.progress.step is None:
            return self._happened(transaction, run, Judged(is_proved, words), now)
        ended = Ended(StepState.SUCCEEDED if is_proved else StepState.FAILED, words)
        step = transaction.end_step(run, ended, now)
        note_step(transaction, run, ended, step, now)
        return self._happened(transaction, run, Did() if is_proved else Broke(words), now)

    def _happened(self, transaction: RecoveringTransaction, run: Run, event: Event, now: datetime) -> list[Due]:
        return settle(transaction, run, advance(run.progress, event), now)


def values_for(run: Run) -> dict[str, Any]:
    """What placeholders and conditions of a run's steps speak of."""
    return values_of(run.check, run.severity, run.labels, run.parameters, run.facts)


def begin(transaction: RecoveringTransaction, run: Run, rules: RecoveryRules, now: datetime) -> list[Due]:
    """Its first step is due: its time runs from now on."""
    run = replace(run, started_at=run.started_at or now, ends_by=now + (run.runbook.timeout or rules.timeout))
    return settle(transaction, run, advance(run.progress, Begun()), now)


def stop(transaction: RecoveringTransaction, run: Run, now: datetime) -> list[Due]:
    """End a run as somebody has asked for."""
    words = f"by {run.cancelled_by}"
    event = Stopped(RunReason.CANCELLED_BY_PERSON, words, run.rolls_back)
    return settle(transaction, run, advance(run.progress, event), now, actor=run.cancelled_by)


def refuse(transaction: RecoveringTransaction, run: Run, refused: Refuse, now: datetime) -> list[Due]:
    """End a run before it began, for the reason of a rail."""
    is_healed = refused.reason is RefusalReason.HEALED
    progress = replace(run.progress, state=RunState.CANCELLED if is_healed else RunState.REFUSED)
    reason = RunReason.HEALED if is_healed else RunReason.RAILS
    return settle(transaction, run, Move(progress, reason, words=refused.words), now)


def declined(
    transaction: RecoveringTransaction, run: Run, step: str, reason: RunReason, words: str, now: datetime
) -> list[Due]:
    """People did not agree: before the first step the run has failed, behind it the step that asked."""
    if not step:
        return settle(transaction, run, advance(run.progress, Declined(reason, words)), now)
    ended = Ended(StepState.FAILED, words)
    transaction.end_step(run, ended, now)
    note_step(transaction, run, ended, step, now)
    return settle(transaction, run, advance(run.progress, Broke(words, is_permanent=True)), now)
