"""Where the links of swaps lead: a page that says what is asked, and a button; looking changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from healthmgr.api.link_pages import HEADERS, Broken, Origin, follow, page_from
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.domain.calendar import zone
from healthmgr.domain.links import SWAPS, Claim
from healthmgr.errors import Conflict, DefinitionError, NotFound, NotPermitted
from healthmgr.services.rostering import Answer, Hand
from healthmgr.views_oncall import SwapView

router = APIRouter(include_in_schema=False)

_PAGE = page_from("swap.html.j2")
_FORM = "%A %Y-%m-%d %H:%M"

Verb = Literal["accept", "decline"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A link that holds: who follows it, and the swap as it is now."""

    claim: Claim
    swap: SwapView


@router.api_route("/swap/{token}/{verb}", methods=["GET", "HEAD"])
def show_question(token: str, verb: Verb, parts: PartsDep) -> Response:
    """What is asked, and a button; nothing is changed."""
    asked = _ask(parts, token)
    return asked if isinstance(asked, Response) else _question(parts, verb, asked)


@router.post("/swap/{token}/{verb}")
def carry_out(token: str, verb: Verb, origin: Origin, parts: PartsDep) -> Response:
    """Somebody pressed the button: it is answered in the name of whom the link was sent to."""
    asked = _ask(parts, token)
    if isinstance(asked, Response):
        return asked
    who = asked.claim.recipient
    hand = Hand(who, origin, is_bound=True)
    try:
        parts.oncall.rostering.answer(asked.swap.id, Answer(verb), who, hand, parts.clock.now())
    except (Conflict, DefinitionError, NotPermitted) as error:
        # Answered meanwhile, over, or the schedule has changed: the page tells how things are now.
        return _question(parts, verb, _again(parts, asked), said=str(error))
    heading = "The swap holds" if verb == "accept" else "You have declined"
    return _page(parts, 200, _again(parts, asked), heading=heading, said=f"{asked.swap.proposed_by} is told so.")


def _ask(parts: Parts, token: str) -> Asked | HTMLResponse:
    claim = follow(parts, token, parts.clock.now(), SWAPS)
    if isinstance(claim, Broken):
        return _page(parts, claim.status, None, heading=claim.heading, said=claim.said)
    try:
        return Asked(claim, parts.oncall.reading.swap(claim.incident_id))
    except NotFound:
        return _page(parts, 404, None, heading="This swap is not known any more", said="It may have been removed.")


def _again(parts: Parts, asked: Asked) -> Asked:
    return Asked(asked.claim, parts.oncall.reading.swap(asked.swap.id))


def _question(parts: Parts, verb: Verb, asked: Asked, said: str = "") -> HTMLResponse:
    swap = asked.swap
    if swap.state != "proposed":
        return _page(parts, 200, asked, heading=f"This swap was {swap.state} already", said=said)
    button = "Accept" if verb == "accept" else "Decline"
    return _page(parts, 200, asked, heading=f"{button} the swap with {swap.proposed_by}?", said=said, button=button)


def _page(parts: Parts, status: int, asked: Asked | None, *, heading: str, said: str, button: str = "") -> HTMLResponse:
    facts: dict[str, object] = {"swap": None}
    if asked is not None:
        swap = asked.swap
        location = zone(parts.oncall.reading.timezone(swap.schedule))

        def local(at: datetime) -> str:
            return at.astimezone(location).strftime(_FORM)

        facts = {
            "swap": swap,
            "recipient": asked.claim.recipient,
            "given": f"{local(swap.given_from)} to {local(swap.given_to)}",
            "taken": f"{local(swap.taken_from)} to {local(swap.taken_to)}" if swap.taken_from and swap.taken_to else "",
            "timezone": location.key,
        }
    return HTMLResponse(_PAGE.render(heading=heading, said=said, button=button, **facts), status, headers=HEADERS)
