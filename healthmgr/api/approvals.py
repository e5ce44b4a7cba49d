"""Approvals: what runbooks ask before they go on, and people's answers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from healthmgr.api.answer_bodies import Comment
from healthmgr.api.checks import Cursor, Limit
from healthmgr.api.command import Acting
from healthmgr.api.paging import number_before
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.api.runbooks import ASCII
from healthmgr.api.security import Responder, Viewer
from healthmgr.errors import NotFound
from healthmgr.services.commanding import Act
from healthmgr.storage.paging import page, seal
from healthmgr.views import Page
from healthmgr.views_recovery import ApprovalView

router = APIRouter(prefix="/approvals", tags=["approvals"])

Which = Annotated[
    str, Path(max_length=40, pattern=ASCII, description="An approval's number or its id.", examples=["3"])
]


@router.get("", summary="List approvals")
def list_approvals(
    parts: PartsDep,
    _: Viewer,
    state: Annotated[
        Literal["open", "all"], Query(description="Those that wait for an answer, or also those that are decided.")
    ] = "open",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ApprovalView]:
    """What waits for an answer; the newest first."""
    found = parts.recovery.reading.approvals(is_open=state == "open", limit=limit + 1, before=number_before(cursor))
    return page(found, limit, lambda approval: approval, lambda approval: seal(approval.number))


@router.get("/{which}", summary="Show an approval")
def show_approval(which: Which, parts: PartsDep, _: Viewer) -> ApprovalView:
    """What is asked, who may answer until when, and who has."""
    return approval_of(parts, which)


@router.post("/{which}/approve", summary="Agree")
def approve(which: Which, parts: PartsDep, _: Responder, act: Acting, said: Comment | None = None) -> ApprovalView:
    """The vote is that of whoever the token is called like. With enough of those who may, the run goes on at once.

    409 for a vote that does not count: of somebody who is not asked, has voted, or started it themselves where it is
    critical; and when it is decided, or its time is over.
    """
    return _vote(which, parts, act, said, is_for=True)


@router.post("/{which}/deny", summary="Do not agree")
def deny(which: Which, parts: PartsDep, _: Responder, act: Acting, said: Comment | None = None) -> ApprovalView:
    """One no ends the question, and a person is told that nothing was repaired. 409 as for agreeing."""
    return _vote(which, parts, act, said, is_for=False)


def _vote(which: str, parts: Parts, act: Act, said: Comment | None, *, is_for: bool) -> ApprovalView:
    approval = approval_of(parts, which)
    act = Act(act.actor, act.origin, act.now, said.comment if said else "")
    deciding = parts.recovery.deciding
    (deciding.approve if is_for else deciding.deny)(approval.id, act)
    return approval_of(parts, str(approval.id))


def approval_of(parts: Parts, which: str) -> ApprovalView:
    """The question that is meant; raises NotFound."""
    found = parts.recovery.reading.approval(which)
    if found is None:
        raise NotFound(f"There is no approval {which!r}: name its number or its id")
    return found
