"""Where the links of messages lead: a page that says what it is about and asks first; only its button changes things.

Mail scanners and previews follow every link, so that looking (GET, HEAD) must do nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from healthmgr.api.link_pages import HEADERS, Body, Broken, Origin, follow, page_from
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.domain.check import Severity
from healthmgr.domain.links import Claim
from healthmgr.domain.phrasing import absolute, listing, relative
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.commanding import Act, Escalated
from healthmgr.views_incidents import IncidentView

router = APIRouter(include_in_schema=False)

SILENCES: dict[str, tuple[str, timedelta]] = {
    "1h": ("for 1 hour", timedelta(hours=1)),
    "4h": ("for 4 hours", timedelta(hours=4)),
    "12h": ("for 12 hours", timedelta(hours=12)),
}
_DEFAULT_SILENCE = "1h"
_MOST_NAMED = 5
_MOST_ALERTS = 3  # the button has to be in sight on a phone

_PAGE = page_from("answer.html.j2")

Verb = Literal["acknowledge", "silence", "escalate", "decline", "resolve"]
# What the page offers besides what its link asks: a message has room for the first two alone.
_OFFERS: dict[str, str] = {
    "acknowledge": "I am on it",
    "silence": "Silence",
    "escalate": "Escalate",
    "decline": "Not me",
    "resolve": "Resolve",
}
_QUESTIONS: dict[str, tuple[str, str]] = {
    "escalate": ("Tell the next level of incident #{} now?", "It is in nobody's hands then."),
    "decline": (
        "You cannot take incident #{}?",
        "Where nobody else of your level was asked, the next one is told now.",
    ),
    "resolve": ("Is incident #{} over?", "All of its alerts are closed by hand; whoever was told of it is told so."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A link that holds: who follows it, and the incident as it is now."""

    claim: Claim
    incident: IncidentView
    now: datetime


@router.api_route("/answer/{token}/{verb}", methods=["GET", "HEAD"])
def show_question(token: str, verb: Verb, parts: PartsDep) -> Response:
    """What the link is about, and a button; nothing is changed."""
    asked = _ask(parts, token)
    return asked if isinstance(asked, Response) else _question(verb, asked)


@router.post("/answer/{token}/{verb}")
def carry_out(token: str, verb: Verb, origin: Origin, parts: PartsDep, body: Body) -> Response:
    """Somebody pressed the button: it is done in the name of whom the link was sent to."""
    asked = _ask(parts, token)
    if isinstance(asked, Response):
        return asked
    try:
        done = _silence(parts, asked, origin, body) if verb == "silence" else _DEEDS[verb](parts, asked, origin)
    except Conflict as error:
        # Somebody was quicker, or it is over: the page tells how things are now.
        return _question(verb, _now(parts, asked), said=str(error))
    return _page(200, _now(parts, asked), heading=done[0], said=done[1])


@router.get("/incidents/{number}")
def lead_to_incident(number: Annotated[int, PathParameter(ge=1, lt=10**18)]) -> Response:
    """The page opens the incident for whoever has a token."""
    return RedirectResponse(f"/ui/incidents/{number}", status_code=303)


def _ask(parts: Parts, token: str) -> Asked | HTMLResponse:
    """What a link asks for; the page that says so where it does not hold, or not any more."""
    now = parts.clock.now()
    claim = follow(parts, token, now)
    if isinstance(claim, Broken):
        return _page(claim.status, None, heading=claim.heading, said=claim.said)
    try:
        return Asked(claim, parts.reading.incident(claim.incident_id), now)
    except NotFound:
        return _page(404, None, heading="This incident is not known any more", said="It may have been removed.")


def _now(parts: Parts, asked: Asked) -> Asked:
    return replace(asked, incident=parts.reading.incident(asked.claim.incident_id), now=parts.clock.now())


def _acknowledge(parts: Parts, asked: Asked, origin: str) -> tuple[str, str]:
    parts.answering.acknowledge(
        asked.claim.incident_id, actor=asked.claim.recipient, origin=origin, now=parts.clock.now()
    )
    return "You have it in hand", "Nobody is told of it again until something is new."


def _escalate(parts: Parts, asked: Asked, origin: str) -> tuple[str, str]:
    escalated = parts.commanding.escalate(asked.claim.incident_id, _act(parts, asked, origin))
    return "The next level is told", _whom(escalated)


def _decline(parts: Parts, asked: Asked, origin: str) -> tuple[str, str]:
    escalated = parts.commanding.decline(asked.claim.incident_id, _act(parts, asked, origin))
    return "Noted: you cannot take it", _whom(escalated) or "Somebody else of your level was asked, too."


def _resolve(parts: Parts, asked: Asked, origin: str) -> tuple[str, str]:
    parts.answering.resolve(asked.claim.incident_id, actor=asked.claim.recipient, origin=origin, now=parts.clock.now())
    return "It is closed", "Whoever was told of it is told so. What is bad an hour later is told again."


_DEEDS: dict[str, Callable[[Parts, Asked, str], tuple[str, str]]] = {
    "acknowledge": _acknowledge,
    "escalate": _escalate,
    "decline": _decline,
    "resolve": _resolve,
}


def _act(parts: Parts, asked: Asked, origin: str) -> Act:
    return Act(asked.claim.recipient, origin, parts.clock.now())


def _whom(escalated: Escalated) -> str:
    told = listing(list(dict.fromkeys(target.recipient for target in escalated.targets)), _MOST_NAMED)
    return f"To be told: {told}." if told else ""


def _silence(parts: Parts, asked: Asked, origin: str, body: bytes) -> tuple[str, str]:
    chosen = parse_qs(body.decode("utf-8", "replace")).get("for", [_DEFAULT_SILENCE])[0]
    if chosen not in SILENCES:
        raise Conflict(f"It can be silenced {listing([words for words, _ in SILENCES.values()], len(SILENCES))}.")
    silence = parts.silencing.silence_incident(
        asked.claim.incident_id,
        until=asked.now + SILENCES[chosen][1],
        actor=asked.claim.recipient,
        origin=origin,
        now=asked.now,
    )
    said = "What is still wrong then is told then; what becomes worse than it is now is told at once."
    return f"Silenced until {absolute(silence.ends_at)}", said


def _question(verb: Verb, asked: Asked, said: str = "") -> HTMLResponse:
    incident = asked.incident
    if incident.resolved_at is not None:
        return _page(200, asked, heading="It is over", said=f"Since {_moment(incident.resolved_at, asked.now)}.")
    if verb == "silence":
        return _page(
            200, asked, heading=f"Silence incident #{incident.number}?", said=said, button="Silence", choices=True
        )
    if verb in _QUESTIONS:
        heading, meaning = _QUESTIONS[verb]
        return _page(200, asked, heading=heading.format(incident.number), said=said or meaning, button=_OFFERS[verb])
    if incident.acknowledged_at is not None:
        whose = "You are" if incident.acknowledged_by == asked.claim.recipient else f"{incident.acknowledged_by} is"
        since = f"Since {_moment(incident.acknowledged_at, asked.now)}."
        return _page(200, asked, heading=f"{whose} on it already", said=since)
    question = f"Are you on incident #{incident.number}?"
    return _page(200, asked, heading=question, said=said, button="I am on it")


def _page(
    status: int, asked: Asked | None, *, heading: str, said: str, button: str = "", choices: bool = False
) -> HTMLResponse:
    facts: dict[str, object] = {"incident": None}
    if asked is not None:
        own = [alert for alert in asked.incident.members if alert.suppressed_by is None]
        own.sort(key=lambda a: (a.resolved_at is not None, Severity(a.severity).rank, a.opened_at))
        facts = {
            "incident": asked.incident,
            "recipient": asked.claim.recipient,
            "since": _moment(asked.incident.opened_at, asked.now),
            "alerts": own[:_MOST_ALERTS],
            "more": max(0, asked.incident.alerts - _MOST_ALERTS),
            "offers": _OFFERS if asked.incident.resolved_at is None else {},
        }
    html = _PAGE.render(
        heading=heading,
        said=said,
        button=button,
        choices=SILENCES if choices else {},
        default=_DEFAULT_SILENCE,
        **facts,
    )
    return HTMLResponse(html, status, headers=HEADERS)


def _moment(at: datetime, now: datetime) -> str:
    return f"{absolute(at)}, {relative(at, now)}"
