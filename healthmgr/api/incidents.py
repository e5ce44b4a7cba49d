"""Incidents: what is going on, and what people answer."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.answer_bodies import Comment, Lasting, Words
from healthmgr.api.checks import Cursor, Limit
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.check import Severity
from healthmgr.domain.silence import MOST_MATCHERS, read_matchers
from healthmgr.errors import DefinitionError, NotFound, Problem
from healthmgr.services.commanding import Act
from healthmgr.views import Page
from healthmgr.views_incidents import IncidentLine, IncidentView

router = APIRouter(prefix="/incidents", tags=["incidents"])

_NUMBER = re.compile(r"\d{1,18}")

IncidentState = Literal["open", "firing", "acknowledged", "snoozed", "resolved", "all"]


class Assignment(Comment):
    """Whose it is from now on; null takes it from everybody."""

    person: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] | None = Field(
        examples=["alice"]
    )


class Remark(BaseModel):
    """A word for the timeline."""

    model_config = ConfigDict(extra="forbid")

    comment: Words = Field(min_length=1, examples=["The pool is full; waiting for the vendor."])


class LastingOfMany(Lasting):
    """An answer to many incidents: those with an alert that all matchers fit; no matchers: all that are open."""

    matchers: list[Annotated[str, Field(max_length=20_000)]] = Field(
        max_length=MOST_MATCHERS,
        description="What the labels of an alert have to be like; all of them have to fit. []: all incidents.",
        examples=[["service=shop", 'host=~"db-.*"']],
    )


class Answered(BaseModel):
    """The incidents that were answered, by number."""

    count: int
    incidents: list[int]


def incident_of(
    parts: PartsDep,
    _: Viewer,
    which: Annotated[str, Path(description="The incident's number or its id.", examples=["12"])],
) -> UUID:
    """The id of the incident that is meant; raises NotFound."""
    if _NUMBER.fullmatch(which):
        return parts.reading.incident_id(int(which))
    try:
        return UUID(which)
    except ValueError:
        raise NotFound(f"There is no incident {which!r}: name its number or its id") from None


Which = Annotated[UUID, Depends(incident_of)]


@router.get("", summary="List incidents")
def list_incidents(
    parts: PartsDep,
    _: Viewer,
    state: Annotated[IncidentState, Query(description="`open` is all but resolved.")] = "open",
    severity: Annotated[Severity | None, Query(description="Only incidents that reached this severity.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[IncidentLine]:
    """Newest first."""
    return parts.reading.incidents(state=state, severity=severity, cursor=cursor, limit=limit)


@router.post("/acknowledge", summary="Say that you have many in hand")
def acknowledge_incidents(parts: PartsDep, who: Responder, origin: Origin, said: LastingOfMany) -> Answered:
    """In one commit: every open incident with an unacknowledged alert that fits; to fit nothing is no error."""
    now = parts.clock.now()
    numbers = parts.answering_many.acknowledge(
        read_matchers(said.matchers),
        actor=who.name,
        origin=origin,
        now=now,
        comment=said.comment,
        until=said.end(now),
    )
    return Answered(count=len(numbers), incidents=numbers)


@router.get("/{which}", summary="Show an incident with its alerts, notifications and timeline")
def show_incident(which: Which, parts: PartsDep) -> IncidentView:
    """By its number, as people call it, or by its id. The timeline's last 1,000 lines, oldest first."""
    return parts.reading.incident(which)


@router.post("/{which}/acknowledge", summary="Say that you have it in hand")
def acknowledge_incident(
    which: Which, parts: PartsDep, who: Responder, origin: Origin, said: Lasting | None = None
) -> IncidentView:
    """Nobody is told of it again, until something is new or the time is over. 409 when somebody has it already."""
    said, now = said or Lasting(), parts.clock.now()
    parts.answering.acknowledge(
        which, actor=who.name, origin=origin, now=now, comment=said.comment, until=said.end(now)
    )
    return parts.reading.incident(which)


@router.post("/{which}/unacknowledge", summary="Take an acknowledgement or a snooze back")
def unacknowledge_incident(
    which: Which, parts: PartsDep, who: Responder, origin: Origin, said: Comment | None = None
) -> IncidentView:
    """People are told again at once; 409 when nobody has it."""
    comment = said.comment if said else ""
    parts.answering.unacknowledge(which, actor=who.name, origin=origin, now=parts.clock.now(), comment=comment)
    return parts.reading.incident(which)


@router.post("/{which}/snooze", summary="Put it off")
def snooze_incident(which: Which, parts: PartsDep, who: Responder, origin: Origin, said: Lasting) -> IncidentView:
    """Nobody is told of it until then; whatever still fires is told then, to everybody."""
    now = parts.clock.now()
    end = said.end(now)
    if end is None:
        raise DefinitionError([Problem("say how long, as for or until", path="for")])
    parts.answering.snooze(which, until=end, actor=who.name, origin=origin, now=now, comment=said.comment)
    return parts.reading.incident(which)


@router.post("/{which}/assign", summary="Say whose it is")
def assign_incident(which: Which, parts: PartsDep, who: Responder, origin: Origin, to: Assignment) -> IncidentView:
    """Whoever gets it is told, unless he says so himself. 409 when it is his already, or he cannot be reached."""
    parts.commanding.assign(which, to.person, Act(who.name, origin, parts.clock.now(), to.comment))
    return parts.reading.incident(which)


@router.post("/{which}/comment", summary="Add a word to the timeline")
def comment_on_incident(which: Which, parts: PartsDep, who: Responder, origin: Origin, said: Remark) -> IncidentView:
    """Also when it is over."""
    parts.answering.comment(which, text=said.comment, actor=who.name, origin=origin, now=parts.clock.now())
    return parts.reading.incident(which)


@router.post("/{which}/resolve", summary="Say that all of it is over")
def resolve_incident(
    which: Which, parts: PartsDep, who: Responder, origin: Origin, said: Comment | None = None
) -> IncidentView:
    """Closes its alerts; each stays closed until its check changes, or for an hour while that is still bad."""
    comment = said.comment if said else ""
    parts.answering.resolve(which, actor=who.name, origin=origin, now=parts.clock.now(), comment=comment)
    return parts.reading.incident(which)
