"""What a move of a run brings with it: its row, its timeline, its breaker, and who has to hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from healthmgr.domain.approval import ApprovalState
from healthmgr.domain.dispatch import Due
from healthmgr.domain.phrasing import listing
from healthmgr.domain.run import Move, undoing
from healthmgr.domain.run_state import RunReason, RunState
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.services.recovering_ports import Ended, RecoveringTransaction, Run
from healthmgr.services.recovering_telling import page

log = structlog.get_logger(__name__)

_MOST = 8  # names in one sentence
_FAILED = (RunState.FAILED, RunState.ROLLED_BACK, RunState.ABANDONED)


def settle(transaction: RecoveringTransaction, run: Run, move: Move, now: datetime, *, actor: str = "") -> list[Due]:
    """Write a run as a move leaves it; the reminders to send."""
    due_at = None if move.state.is_over else now + move.wait
    run = replace(
        run,
        progress=move.progress,
        reason=move.reason.value,
        words=move.words,
        is_under_way=False,
        awaited=None,
        due_at=due_at,
    )
    log.info("run_moved", run=run.number, runbook=run.runbook.name, state=move.state.value, reason=move.reason.value)
    return _finish(transaction, run, move, now, actor) if move.state.is_over else transaction.save_run(run, now)


def note_step(transaction: RecoveringTransaction, run: Run, ended: Ended, step: str, now: datetime) -> None:
    """Say on the timeline what became of an attempt at a step."""
    note(
        transaction,
        run,
        EntryKind.RUN_STEP,
        ended.state.value,
        now,
        step=step,
        state=ended.state.value,
        words=ended.message,
        attempt=run.progress.attempt,
        is_rollback=run.progress.is_rolling_back,
    )


def note(
    transaction: RecoveringTransaction,
    run: Run,
    kind: EntryKind,
    reason: str,
    now: datetime,
    *,
    actor: str = "",
    **detail: Any,
) -> None:
    """Add an entry that names the run."""
    facts = {"runbook": run.runbook.name, "number": run.number, "run": str(run.id), "target": run.target, **detail}
    transaction.note_run(run, Entry(kind, reason, actor, facts), now)


def _finish(transaction: RecoveringTransaction, run: Run, move: Move, now: datetime, actor: str) -> list[Due]:
    """The end of a run: a question that is open is withdrawn, its breaker counts, a person hears of what failed."""
    has_acted = run.acted_at is not None
    run = replace(run, ended_at=now, is_proved=has_acted and move.reason is RunReason.PROVED)
    asked = transaction.open_question(run.id)
    if asked is not None:
        transaction.decide(asked, ApprovalState.WITHDRAWN.value, now)
    words = move.words
    is_wanted = bool(run.cancelled_by) and move.state is RunState.ROLLED_BACK  # by somebody, who needs no news of it
    if has_acted and run.progress.state is RunState.SUCCEEDED:
        transaction.forget_failures(run.runbook.name, now)
    elif has_acted and run.progress.state in _FAILED and not is_wanted and transaction.count_failure(run.runbook, now):
        often = run.runbook.rails.opens_after
        words += f"; it failed {often} times in a row: its breaker is open until a person closes it"
    is_told = move.pages and (has_acted or move.state is not RunState.CANCELLED) and not is_wanted
    told = page_words(run, words) + left_behind(run, transaction.drained_by(run)) if is_told else ""
    dues = page(transaction, run, told, now) if is_told else []
    kind = EntryKind.RUN_REFUSED if move.state is RunState.REFUSED else EntryKind.RUN_ENDED
    note(
        transaction,
        run,
        kind,
        move.reason.value,
        now,
        actor=actor,
        state=move.state.value,
        words=words,
        is_proved=run.is_proved,
    )
    return [*dues, *transaction.save_run(run, now)]


def page_words(run: Run, words: str) -> str:
    """What a person reads of a run that did not mend its target."""
    what = {
        RunState.ROLLED_BACK: "failed, and what it did was undone",
        RunState.ABANDONED: "was abandoned: nobody knows how its last step ended, and it is not tried again",
        RunState.CANCELLED: "was stopped half done",
    }.get(run.progress.state, "failed")
    done = f" Done before: {', '.join(run.progress.done)}." if run.progress.done else ""
    return f"Runbook {run.runbook.name} (run {run.number}) on {run.target} {what}: {words}.{done}"


def left_behind(run: Run, drained: Sequence[str]) -> str:
    """What a run that is over leaves to people, and what undoes it; `drained` are the instances that it took away."""
    words = ""
    if drained:
        them = listing(drained, _MOST)
        words = f" Out of service because of it: {them}; `healthmgr lb enable {drained[0]}` gives it work again."
    back = undoing(run.progress, run.reason)
    if back is not None:
        steps = listing([step.id for step in back.steps], _MOST)
        words += f" `healthmgr runs undo {run.number}` undoes it: {steps}."
    return words
