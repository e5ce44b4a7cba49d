"""All that `healthmgr runs show` knows of a run, and a question that it asks, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from healthmgr.cli.printing import (
    Column,
    ago,
    duration,
    moment,
    print_facts,
    print_heading,
    print_lines,
    print_table,
    styled,
)
from healthmgr.cli.wording import incident_name
from healthmgr.domain.phrasing import clock_time, listing
from healthmgr.domain.run_state import RunState
from healthmgr.views_recovery import ApprovalView, RunCard, RunStepView, RunView

_COLOURS = {
    "succeeded": "well",
    "failed": "failed",
    "timed_out": "failed",
    "abandoned": "failed",
    "refused": "refused",
    "skipped": "skipped",
    "cancelled": "skipped",
    "granted": "well",
    "denied": "failed",
    "expired": "failed",
    "withdrawn": "skipped",
}
_MOST_PEOPLE = 8
_STEPS = (
    Column("step"),
    Column("kind"),
    Column("try", is_number=True),
    Column("state"),
    Column("took"),
    Column("what came of it", is_flexible=True, is_wrapped=True),
)


def run_state(run: RunView) -> Text:
    """A run's state as people say it."""
    return _state(run.state)


def print_run_card(card: RunCard, now: datetime) -> None:
    """The whole of it: why, each step, each question, what happened."""
    run = card.run
    over = RunState(run.state).is_over
    print_facts(
        [
            ("run", f"#{run.number} of {run.runbook}"),
            ("state", run_state(run)),
            ("because", run.words or run.reason.replace("_", " ")),
            ("target", run.target),
            ("check", run.check),
            ("severity", styled(run.severity)),
            ("incident", incident_name(run.incident_number) if run.incident_number else ""),
            ("started by", run.started_by or f"itself ({run.trigger})"),
            ("parameters", _in_words(card.parameters)),
            ("began", moment(run.created_at, now)),
            ("ended", moment(run.ended_at, now)),
            ("proved", "its check is healthy" if run.is_proved else "no" if over else ""),
            ("cancelled by", run.cancelled_by),
            ("went wrong", card.failure),
        ]
    )
    if card.steps:
        print_heading("steps")
        print_table(_STEPS, (_step(step) for step in card.steps))
    for approval in card.approvals:
        print_heading(f"approval {approval.number}")
        print_approval(approval, now)
    print_heading("What happened (UTC)")
    columns = (Column("when"), Column("what", is_flexible=True, is_wrapped=True))
    print_table(columns, ((clock_time(entry.at, now), entry.text) for entry in card.entries))
    answers = [*_leftovers(card)] if over else [*_answers(card)]
    if answers:
        print_heading("What you can do")
        print_facts(answers)


def print_approval(approval: ApprovalView, now: datetime) -> None:
    """What is asked, who may answer, and who has."""
    print_lines(approval.question)
    print_facts(
        [
            ("state", approval_state(approval)),
            ("may answer", listing(approval.approvers, _MOST_PEOPLE) or "whoever may respond"),
            ("until" if approval.state == "open" else "was open until", moment(approval.expires_at, now)),
            *(
                (vote.person, f"{'yes' if vote.is_for else 'no'}, {ago(vote.at, now)}{_said(vote.comment)}")
                for vote in approval.votes
            ),
        ]
    )


def approval_state(approval: ApprovalView) -> Text:
    """How a question stands: its state, or how many have agreed."""
    if approval.state != "open":
        return _state(approval.state)
    agreed = sum(vote.is_for for vote in approval.votes)
    return styled("pending", f"{agreed} of {approval.needed} agreed")


def _step(step: RunStepView) -> tuple[str | Text, ...]:
    took = duration((step.ended_at - step.started_at).total_seconds()) if step.ended_at else "-"
    name = f"{step.step} (undoes)" if step.is_rollback else step.step
    said = "; ".join(part for part in (step.message, step.output) if part)
    return name, step.kind, str(step.attempt), _state(step.state), took, said


def _answers(card: RunCard) -> Iterator[tuple[str, str]]:
    for approval in card.approvals:
        if approval.state == "open":
            yield f"healthmgr approvals approve {approval.number}", "let it go on"
            yield f"healthmgr approvals deny {approval.number}", "do not let it"
    yield f"healthmgr runs cancel {card.run.number}", "end it; --rollback undoes what was done"


def _leftovers(card: RunCard) -> Iterator[tuple[str, str]]:
    for instance in card.drained:
        yield f"healthmgr lb enable {instance}", "give it work again: this run took it out of service"
    if card.undoing:
        yield f"healthmgr runs undo {card.run.number}", f"undo what it did: {listing(card.undoing, _MOST_PEOPLE)}"


def _state(word: str) -> Text:
    return styled(_COLOURS.get(word, "pending"), word.replace("_", " "))


def _said(comment: str) -> str:
    return f": {comment}" if comment else ""


def _in_words(values: dict[str, object]) -> str:
    return ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)}"
        for name, value in values.items()
        if value is not None
    )
