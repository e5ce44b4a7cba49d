"""`healthmgr approvals`: what runbooks ask people, and the answers."""

from __future__ import annotations

from typing import Annotated

import typer

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.incident_choice import Comment
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, Limit, origin, person
from healthmgr.cli.printing import Column, ago, print_json, print_lines, print_table
from healthmgr.cli.run_card import approval_state
from healthmgr.domain.approval import ApprovalState
from healthmgr.domain.phrasing import listing
from healthmgr.errors import NotFound
from healthmgr.services.commanding import Act
from healthmgr.services.deciding import Decided
from healthmgr.views_recovery import ApprovalView

approvals_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="What runbooks ask before they go on.",
    epilog=EXIT_CODES,
)

Which = Annotated[str, typer.Argument(metavar="APPROVAL", help="An approval's number (3 or '#3') or its id.")]

_MOST_PEOPLE = 3
_COLUMNS = (
    Column("approval"),
    Column("run"),
    Column("state"),
    Column("until"),
    Column("who may", max_width=24),
    Column("question", is_flexible=True, is_wrapped=True),
)


@approvals_app.callback()
def approvals() -> None:
    """What runbooks ask before they go on."""


@approvals_app.command("list")
def show_all(
    with_decided: Annotated[bool, typer.Option("--all", help="Also those that are decided.")] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List what waits for an answer, the newest first."""
    with opened() as healthmgr:
        found = healthmgr.recovery.reading.approvals(is_open=not with_decided, limit=limit)
        now = healthmgr.clock.now()
    if as_json:
        print_json({"items": found})
        return
    if not found:
        print_lines("Nothing was ever asked." if with_decided else "Nothing waits for an answer.")
        return
    print_table(
        _COLUMNS,
        (
            (
                str(approval.number),
                f"#{approval.run_number}",
                approval_state(approval),
                ago(approval.expires_at, now),
                listing(approval.approvers, _MOST_PEOPLE) or "whoever responds",
                approval.question,
            )
            for approval in found
        ),
    )


@approvals_app.command("approve")
def approve(which: Which, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Agree. With enough of those who may, the run goes on at once."""
    _vote(which, comment, actor, as_json, is_for=True)


@approvals_app.command("deny")
def deny(which: Which, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Do not agree: one no ends the question, and a person is told that nothing was repaired."""
    _vote(which, comment, actor, as_json, is_for=False)


def _vote(which: str, comment: str, actor: str, as_json: bool, *, is_for: bool) -> None:
    with opened() as healthmgr:
        approval = _approval_of(healthmgr, which)
        act = Act(person(actor), origin(), healthmgr.clock.now(), comment)
        deciding = healthmgr.recovery.deciding
        decided = (deciding.approve if is_for else deciding.deny)(approval.id, act)
        after = _approval_of(healthmgr, str(approval.id))
    if as_json:
        print_json(after)
        return
    print_lines(f"{_words(decided)}: run #{approval.run_number} of {approval.runbook} on {approval.target}")


def _words(decided: Decided) -> str:
    if decided.state is ApprovalState.OPEN:
        return f"Noted, {decided.votes} of {decided.needed} agree"
    return {ApprovalState.GRANTED: "Approved, it goes on", ApprovalState.DENIED: "Denied"}[decided.state]


def _approval_of(healthmgr: Healthmgr, which: str) -> ApprovalView:
    found = healthmgr.recovery.reading.approval(which.strip())
    if found is None:
        raise NotFound(f"There is no approval {which!r}: name its number, as `healthmgr approvals list` shows them")
    return found
