"""Where the links of a runbook's question lead: a page that says what is asked; only its button changes things."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from healthmgr.api.link_pages import HEADERS, Body, Broken, Origin, follow, page_from
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.domain.approval import ApprovalState
from healthmgr.domain.links import APPROVALS, Claim
from healthmgr.domain.phrasing import absolute, listing, relative
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.commanding import Act
from healthmgr.views_recovery import ApprovalView

router = APIRouter(include_in_schema=False)

_PAGE = page_from("approval.html.j2")
_MOST_NAMED = 8
_MOST_FIELDS = 5
_LONGEST_COMMENT = 500
_OVER = {
    ApprovalState.GRANTED: "It was approved",
    ApprovalState.DENIED: "It was denied",
    ApprovalState.EXPIRED: "The time for an answer is over, which counts as a no",
    ApprovalState.WITHDRAWN: "It is not asked any more: the run has ended",
}

Verb = Literal["approve", "deny"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A link that holds: who follows it, and the question as it is now."""

    claim: Claim
    approval: ApprovalView
    now: datetime


@router.api_route("/approval/{token}/{verb}", methods=["GET", "HEAD"])
def show_question(token: str, verb: Verb, parts: PartsDep) -> Response:
    """What is asked, and a button; nothing is changed."""
    asked = _ask(parts, token)
    return asked if isinstance(asked, Response) else _question(verb, asked)


@router.post("/approval/{token}/{verb}")
def carry_out(token: str, verb: Verb, origin: Origin, parts: PartsDep, body: Body) -> Response:
    """Somebody pressed the button: it is the vote of whom the link was sent to."""
    asked = _ask(parts, token)
    if isinstance(asked, Response):
        return asked
    act = Act(asked.claim.recipient, origin, asked.now, _comment(body))
    try:
        said = vote(parts, asked.approval.id, act, is_for=verb == "approve")
    except Conflict as error:
        # Decided meanwhile, or the vote does not count: the page tells why.
        return _page(200, _again(parts, asked), heading="Nothing was changed", said=str(error))
    return _page(200, _again(parts, asked), heading="Your answer is noted", said=said)


def vote(parts: Parts, approval_id: UUID, act: Act, *, is_for: bool) -> str:
    """Take a vote; what came of it, in words. Raises NotFound, and Conflict for one that does not count."""
    deciding = parts.recovery.deciding
    decided = (deciding.approve if is_for else deciding.deny)(approval_id, act)
    match decided.state:
        case ApprovalState.OPEN:
            return f"Noted: {decided.votes} of {decided.needed} agree."
        case ApprovalState.GRANTED:
            return "Approved: the runbook goes on."
        case _:
            return "Denied: the runbook does not go on, and a person is told so."


def _ask(parts: Parts, token: str) -> Asked | HTMLResponse:
    now = parts.clock.now()
    claim = follow(parts, token, now, APPROVALS)
    if isinstance(claim, Broken):
        return _page(claim.status, None, heading=claim.heading, said=claim.said)
    approval = parts.recovery.reading.approval(str(claim.incident_id))
    if approval is None:
        return _page(404, None, heading="This question is not known any more", said="It may have been removed.")
    return Asked(claim, approval, now)


def _again(parts: Parts, asked: Asked) -> Asked:
    approval = parts.recovery.reading.approval(str(asked.approval.id))
    if approval is None:
        raise NotFound(f"There is no approval {asked.approval.number} any more.")
    return Asked(asked.claim, approval, parts.clock.now())


def _question(verb: Verb, asked: Asked) -> HTMLResponse:
    approval = asked.approval
    state = ApprovalState(approval.state)
    if state is not ApprovalState.OPEN or asked.now >= approval.expires_at:
        return _page(200, asked, heading=_OVER.get(state, _OVER[ApprovalState.EXPIRED]), said="")
    heading = f"{'Approve' if verb == 'approve' else 'Deny'} run #{approval.run_number} of {approval.runbook}?"
    said = "" if verb == "approve" else "One no ends the question, and a person is told that nothing was repaired."
    return _page(200, asked, heading=heading, said=said, button="Approve" if verb == "approve" else "Deny")


def _page(status: int, asked: Asked | None, *, heading: str, said: str, button: str = "") -> HTMLResponse:
    facts: dict[str, object] = {"approval": None}
    if asked is not None:
        approval = asked.approval
        agreed = [vote.person for vote in approval.votes if vote.is_for]
        facts = {
            "approval": approval,
            "recipient": asked.claim.recipient,
            "until": f"{absolute(approval.expires_at)}, {relative(approval.expires_at, asked.now)}",
            "agreed": listing(agreed, _MOST_NAMED) or "nobody yet",
            "may": listing(approval.approvers, _MOST_NAMED) or "whoever may respond",
            "longest": _LONGEST_COMMENT,
        }
    return HTMLResponse(_PAGE.render(heading=heading, said=said, button=button, **facts), status, headers=HEADERS)


def _comment(body: bytes) -> str:
    """What was written beside the button; a form of another kind has none."""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return ""
    return fields.get("comment", [""])[0].replace("\x00", "").strip()[:_LONGEST_COMMENT]
