"""People's answers to what runbooks ask: one vote for each, and what follows when it is decided, in the same commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from healthmgr.domain.approval import ApprovalState, Vote, judge_vote, refusal_words, tally
from healthmgr.domain.rails import RecoveryRules
from healthmgr.domain.run import Did, advance
from healthmgr.domain.run_state import RunReason, StepState
from healthmgr.domain.timeline import EntryKind
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.commanding import Act
from healthmgr.services.recovering_moving import note, note_step, settle
from healthmgr.services.recovering_ports import Asked, Ended, RecoveringStore, RecoveringTransaction, Run
from healthmgr.services.recovering_telling import people_of
from healthmgr.services.recovering_turns import begin, declined

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """How a question stands after a vote: its state, how many have said yes, how many are needed."""

    state: ApprovalState
    votes: int
    needed: int


class Deciding:
    """Takes votes. Raises NotFound, and Conflict for a vote that does not count, saying why."""

    def __init__(self, store: RecoveringStore, rules: RecoveryRules) -> None:
        self._store = store
        self._rules = rules

    def approve(self, approval_id: UUID, act: Act) -> Decided:
        """Somebody agrees; with enough of them the run goes on."""
        return self._vote(approval_id, act, is_for=True)

    def deny(self, approval_id: UUID, act: Act) -> Decided:
        """Somebody does not agree, which decides it."""
        return self._vote(approval_id, act, is_for=False)

    def _vote(self, approval_id: UUID, act: Act, *, is_for: bool) -> Decided:
        with self._store.begin() as transaction:
            run, asked = _take(transaction, approval_id, act.now)
            refused = judge_vote(asked.question, act.actor, act.now)
            if refused is not None:
                raise Conflict(refusal_words(refused, act.actor))
            transaction.vote(asked, act.actor, is_for, act.origin, act.comment, act.now)
            votes = (*asked.question.votes, Vote(act.actor, is_for))
            question = replace(asked.question, votes=votes)
            state = tally(question, act.now)
            word = "approved" if is_for else "denied"
            kind, comment = EntryKind.APPROVAL_VOTED, act.comment
            note(transaction, run, kind, word, act.now, actor=act.actor, comment=comment, approval=asked.number)
            detail = {"approval": asked.number, "run": str(run.id), "comment": act.comment}
            transaction.audit(act.actor, act.origin, f"approval.{word}", str(approval_id), detail, act.now)
            if state is not ApprovalState.OPEN:
                transaction.decide(asked, state.value, act.now)
                self._go_on(transaction, run, asked, state, act)
        log.info("approval_voted", approval=asked.number, actor=act.actor, is_for=is_for, state=state.value)
        return Decided(state, sum(vote.is_for for vote in votes), asked.question.needed)

    def _go_on(
        self, transaction: RecoveringTransaction, run: Run, asked: Asked, state: ApprovalState, act: Act
    ) -> None:
        if state is not ApprovalState.GRANTED:
            said = f": {act.comment}" if act.comment else ""
            words = f"{act.actor} denied it{said}"
            declined(transaction, run, asked.step, RunReason.APPROVAL_DENIED, words, act.now)
            return
        if not asked.step:
            begin(transaction, run, self._rules, act.now)
            return
        # How long people think is not the run's own time.
        ends_by = run.ends_by + (act.now - asked.asked_at) if run.ends_by else None
        ended = Ended(StepState.SUCCEEDED, f"approved by {act.actor}")
        transaction.end_step(run, ended, act.now)
        note_step(transaction, run, ended, asked.step, act.now)
        settle(transaction, replace(run, ends_by=ends_by), advance(run.progress, Did()), act.now)


def _take(transaction: RecoveringTransaction, approval_id: UUID, now: datetime) -> tuple[Run, Asked]:
    """A question and its run, locked; whoever may approve is looked up at this moment."""
    run_id = transaction.run_of(approval_id)
    run = transaction.take_run(run_id) if run_id is not None else None
    asked = transaction.take_question(approval_id) if run is not None else None
    if run is None or asked is None:
        raise NotFound(f"There is no approval {approval_id}: `healthmgr approvals list` shows what is asked")
    names = asked.approvers
    approvers = people_of(transaction, names, now) if names else None
    return run, replace(asked, question=replace(asked.question, approvers=approvers))
