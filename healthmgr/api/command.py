"""Incident command: who acts on an incident, what surrounds it, and the report on it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.answer_bodies import Comment, Words
from healthmgr.api.incidents import Which, incident_of
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.escalation import Named
from healthmgr.domain.report import draft
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.commanding import Act
from healthmgr.views_incidents import IncidentView

router = APIRouter(prefix="/incidents/{which}", tags=["incidents"])


class MarkdownResponse(PlainTextResponse):
    """Markdown, in UTF-8."""

    media_type = "text/markdown"


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$", examples=["alice"])]


class Asked(Comment):
    """Who is to help: a person, `team:NAME`, or `schedule:NAME` for whoever is on call."""

    who: Name


class Person(Comment):
    """Somebody."""

    person: Name


class Role(Person):
    """A role and who holds it."""

    role: Name = Field(examples=["commander"])


class Text(BaseModel):
    """A status update."""

    model_config = ConfigDict(extra="forbid")

    text: Words = Field(min_length=1, examples=["We are failing over."])


class NewTask(BaseModel):
    """Something to be done."""

    model_config = ConfigDict(extra="forbid")

    title: Words = Field(min_length=1, examples=["Call the vendor"])
    assignee: str = Field("", max_length=200, pattern=r"^[^\x00]*$")


class Other(Comment):
    """Another incident, by its number or id."""

    other: Name = Field(examples=["13"])


def _act(parts: PartsDep, who: Responder, origin: Origin) -> Act:
    return Act(who.name, origin, parts.clock.now())


Acting = Annotated[Act, Depends(_act)]


def _saying(act: Act, said: Comment | None) -> Act:
    return Act(act.actor, act.origin, act.now, said.comment if said else "")


@router.post("/escalate", summary="Tell the next level now")
def escalate(which: Which, parts: PartsDep, act: Acting, said: Comment | None = None) -> IncidentView:
    """Also where somebody has it in hand: it is in nobody's hands then."""
    parts.commanding.escalate(which, _saying(act, said))
    return parts.reading.incident(which)


@router.post("/decline", summary="Say that you cannot take it")
def decline(which: Which, parts: PartsDep, act: Acting, said: Comment | None = None) -> IncidentView:
    """Once nobody of your level is left who may answer, the next level is told at once."""
    parts.commanding.decline(which, _saying(act, said))
    return parts.reading.incident(which)


@router.post("/ask", summary="Ask somebody to help")
def ask(which: Which, parts: PartsDep, act: Acting, to: Asked) -> IncidentView:
    """Told now, over all of his contacts, also while it is in hand. 409 when nobody can be reached."""
    try:
        named = Named.parse(to.who)
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="who")]) from error
    parts.commanding.ask(which, named, _saying(act, to))
    return parts.reading.incident(which)


@router.post("/handover", summary="Make it somebody else's, with the roles of whoever had it")
def hand_over(which: Which, parts: PartsDep, act: Acting, to: Person) -> IncidentView:
    """The new one is told. 409 when it is his already."""
    parts.commanding.hand_over(which, to.person, _saying(act, to))
    return parts.reading.incident(which)


@router.post("/roles", summary="Give somebody a role")
def give_role(which: Which, parts: PartsDep, act: Acting, given: Role) -> IncidentView:
    """He is told; of a new commander everybody involved is. 409 when he holds it already."""
    parts.commanding.give_role(which, given.role, given.person, _saying(act, given))
    return parts.reading.incident(which)


@router.delete("/roles/{role}/{person}", summary="Take a role from somebody")
def take_role(which: Which, role: str, person: str, parts: PartsDep, act: Acting) -> IncidentView:
    """409 when he does not hold it."""
    parts.commanding.take_role(which, role, person, act)
    return parts.reading.incident(which)


@router.post("/updates", summary="Tell everybody who has subscribed how it stands")
def update(which: Which, parts: PartsDep, act: Acting, said: Text) -> IncidentView:
    """Each over his first contact."""
    parts.coordinating.update(which, said.text, act)
    return parts.reading.incident(which)


@router.post("/subscribers", summary="Have somebody told of its status updates and of its end")
def subscribe(which: Which, parts: PartsDep, act: Acting, who: Person) -> IncidentView:
    """Without paging him. 409 when he cannot be reached, or hears of it already."""
    parts.coordinating.subscribe(which, who.person, _saying(act, who))
    return parts.reading.incident(which)


@router.delete("/subscribers/{person}", summary="Do not tell somebody of its status updates any more")
def unsubscribe(which: Which, person: str, parts: PartsDep, act: Acting) -> IncidentView:
    """409 when he had not been told."""
    parts.coordinating.unsubscribe(which, person, act)
    return parts.reading.incident(which)


@router.post("/tasks", summary="Note something to be done", status_code=201)
def add_task(which: Which, parts: PartsDep, act: Acting, new: NewTask) -> IncidentView:
    """Also when it is over."""
    parts.coordinating.add_task(which, new.title, act, assignee=new.assignee)
    return parts.reading.incident(which)


@router.post("/tasks/{number}/done", summary="Say that a task is done")
def finish_task(which: Which, number: int, parts: PartsDep, act: Acting) -> IncidentView:
    """409 when there is no open task of this number."""
    parts.coordinating.finish_task(which, number, act)
    return parts.reading.incident(which)


@router.post("/merge", summary="Make one incident of two")
def merge(which: Which, parts: PartsDep, reader: Viewer, act: Acting, with_: Other) -> IncidentView:
    """The other's alerts join this one, and its number leads here. Nobody is paged for it."""
    parts.coordinating.merge(which, incident_of(parts, reader, with_.other), _saying(act, with_))
    return parts.reading.incident(which)


@router.post("/causes", summary="Say that this incident caused another")
def link(which: Which, parts: PartsDep, reader: Viewer, act: Acting, of: Other) -> IncidentView:
    """409 when that was said before."""
    parts.coordinating.link(which, incident_of(parts, reader, of.other), _saying(act, of))
    return parts.reading.incident(which)


@router.get("/report", summary="Draft a report in Markdown", response_class=MarkdownResponse)
def report(which: Which, parts: PartsDep) -> Response:
    """What happened, who did what, who was told, how long it took, and what is open; from its timeline."""
    text = draft(parts.reading.report_facts(which, parts.clock.now()))
    return MarkdownResponse(text)
