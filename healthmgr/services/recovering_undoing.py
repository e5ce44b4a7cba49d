"""Undoing what a run left behind when it ended, because a person says so."""

from __future__ import annotations

from dataclasses import replace

from healthmgr.domain.run import Move, undoing
from healthmgr.domain.run_state import RunReason, RunState
from healthmgr.domain.timeline import EntryKind
from healthmgr.errors import Conflict
from healthmgr.services.commanding import Act
from healthmgr.services.recovering_moving import note, settle
from healthmgr.services.recovering_ports import RecoveringTransaction, Run


def undo(transaction: RecoveringTransaction, run: Run, act: Act, *, is_automation_on: bool) -> RunState:
    """The run goes on with the steps that undo; raises Conflict where there are none, or its target is under repair."""
    if not run.progress.state.is_over:
        raise Conflict(f"Run {run.number} is not over: end it, and say that what it did is to be undone.")
    back = undoing(run.progress, run.reason)
    if back is None:
        raise Conflict(f"Nothing of run {run.number} can be undone: no step that was done says how, or it was tried.")
    # Until the commit nobody else starts a run.
    repaired_by = transaction.facts(run, act.now, is_automation_on=is_automation_on).repaired_by
    if repaired_by:
        raise Conflict(f"Run {run.number} is not undone now: {run.target} is under repair by {repaired_by}.")
    again = replace(run, ended_at=None, cancelled_by=act.actor, rolls_back=True)
    note(transaction, again, EntryKind.RUN_UNDONE, "by_a_person", act.now, actor=act.actor, comment=act.comment)
    transaction.audit(act.actor, act.origin, "run.undo", str(run.id), {"comment": act.comment}, act.now)
    settle(transaction, again, Move(back, RunReason.UNDONE_BY_PERSON, words=f"by {act.actor}"), act.now)
    return back.state
