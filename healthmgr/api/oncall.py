"""Who is on call: schedules, what changes them for a while, and who would be told.

A responder changes what is about himself, whose person has his token's name; an admin changes all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.checks import Cursor
from healthmgr.api.idempotency import holds_secret
from healthmgr.api.moments import Moment
from healthmgr.api.paging import MANY, Many
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.check import Severity
from healthmgr.domain.roster import MOST_COMMENT
from healthmgr.domain.schedule import FixedShift, Override, Temporary
from healthmgr.domain.swap import Stretch, Swap, SwapState
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.rostering import Answer, Hand
from healthmgr.services.subscribing import Subject
from healthmgr.services.tokens import Principal, Role
from healthmgr.storage.reading_oncall import MOST_DAYS
from healthmgr.views import Page
from healthmgr.views_oncall import (
    ChangeView,
    ScheduleLineView,
    ScheduleView,
    SwapView,
    WhoView,
)

router = APIRouter(prefix="/oncall", tags=["oncall"])

T = TypeVar("T")
NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, Field(max_length=256, pattern=NO_NUL)]
Comment = Annotated[str, Field(max_length=MOST_COMMENT, pattern=NO_NUL)]


class Wanted(BaseModel):
    """What holds between two instants."""

    model_config = ConfigDict(extra="forbid")

    starts_at: Moment | None = Field(None, description="Left out: now.", examples=["2036-11-24T22:00:00Z"])
    ends_at: Moment
    comment: Comment = ""


class WantedOverride(Wanted):
    """Somebody is on call besides (`add`), is not (`remove`), or another in his place (both)."""

    add: Name = Field("", examples=["alice"])
    remove: Name = Field("", examples=["bob"])

    def to_override(self, now: datetime) -> Override:
        """As the service wants it. Raises DefinitionError."""
        return _made(Override, self.starts_at or now, self.ends_at, self.add, self.remove)


class WantedShift(BaseModel):
    """A person's part of a temporary schedule; without times, all of it."""

    model_config = ConfigDict(extra="forbid")

    person: Name
    starts_at: Moment | None = None
    ends_at: Moment | None = None


class WantedTemporary(Wanted):
    """Between two instants these shifts hold, and nothing else of the schedule."""

    shifts: list[WantedShift] = Field(max_length=500)

    def to_temporary(self, now: datetime) -> Temporary:
        """As the service wants it. Raises DefinitionError."""
        begin, end = self.starts_at or now, self.ends_at
        shifts = tuple(
            _made(FixedShift, shift.person, shift.starts_at or begin, shift.ends_at or end) for shift in self.shifts
        )
        return _made(Temporary, begin, end, shifts)


class WantedSwap(BaseModel):
    """The given time goes to `proposed_to`; the taken one, where it is said, comes from him in return."""

    model_config = ConfigDict(extra="forbid")

    proposed_to: Name
    given_from: Moment
    given_to: Moment
    taken_from: Moment | None = None
    taken_to: Moment | None = None
    proposed_by: Name = Field("", description="Left out: the token's name. Another one's by an admin alone.")
    comment: Comment = ""


class SwapAnswer(BaseModel):
    """What is said to a swap."""

    model_config = ConfigDict(extra="forbid")

    answer: Answer
    by: Name = Field("", description="Who says it. Left out: the token's name. Somebody else by an admin alone.")


class CalendarView(BaseModel):
    """Where a calendar is that anybody who knows the address can subscribe to."""

    address: str


class ScheduleList(BaseModel):
    """All schedules."""

    items: list[ScheduleLineView]


class ChangeList(BaseModel):
    """Overrides and temporary schedules, in the order in which they begin."""

    items: list[ChangeView]


@router.get("/schedules", summary="List schedules")
def list_schedules(parts: PartsDep, _: Viewer) -> ScheduleList:
    """With who is on call now."""
    return ScheduleList(items=parts.oncall.reading.schedules(parts.clock.now()))


@router.get("/schedules/{name}", summary="Show a schedule")
def show_schedule(
    name: str,
    parts: PartsDep,
    _: Viewer,
    at: Annotated[Moment | None, Query(description="From when on; left out: now.")] = None,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 14,
) -> ScheduleView:
    """Who is on call when, what is wrong, how the burden is shared, and what changes it."""
    now = parts.clock.now()
    return parts.oncall.reading.schedule(name, at or now, days, now)


@router.get("/who", summary="Show who would be told")
def show_who(
    parts: PartsDep,
    _: Viewer,
    service: str = "",
    severity: Severity = Severity.CRITICAL,
    label: Annotated[list[str] | None, Query(description="NAME=VALUE, may be repeated.")] = None,
) -> WhoView:
    """The routes of an alert with these labels, their policies, and whom each level means at this moment."""
    labels = {"service": service} if service else {}
    for written in label or ():
        key, sign, value = written.partition("=")
        if not sign or not key:
            raise DefinitionError([Problem(f"{written!r} is no label: write NAME=VALUE", path="label")])
        labels[key] = value
    return parts.oncall.reading.who(labels, severity, parts.clock.now())


@router.get("/schedules/{name}/changes", summary="List what changes a schedule")
def list_schedule_changes(name: str, parts: PartsDep, _: Viewer) -> ChangeList:
    """Overrides and temporary schedules that hold or are to come."""
    return ChangeList(items=parts.oncall.reading.changes(name, parts.clock.now()))


@router.post("/schedules/{name}/overrides", status_code=201, summary="Override a schedule")
def add_override(name: str, wanted: WantedOverride, parts: PartsDep, who: Responder, origin: Origin) -> ChangeView:
    """409 when it would change nothing; `unattended` tells when nobody is on call because of it."""
    now = parts.clock.now()
    changed = parts.oncall.rostering.override(name, wanted.to_override(now), _hand(who, origin), now, wanted.comment)
    return ChangeView.of_changed(changed)


@router.post("/schedules/{name}/temporaries", status_code=201, summary="Replace a schedule for a while")
def add_temporary(name: str, wanted: WantedTemporary, parts: PartsDep, who: Responder, origin: Origin) -> ChangeView:
    """In its time its shifts hold, and nothing else: neither layers nor overrides."""
    now = parts.clock.now()
    changed = parts.oncall.rostering.replace_for_a_while(
        name, wanted.to_temporary(now), _hand(who, origin), now, wanted.comment
    )
    return ChangeView.of_changed(changed)


@router.delete("/changes/{change_id}", summary="Take back an override or a temporary schedule")
def remove_change(change_id: UUID, parts: PartsDep, who: Responder, origin: Origin) -> ChangeView:
    """Of one that has begun, what is still to come."""
    return ChangeView.of(parts.oncall.rostering.remove(change_id, _hand(who, origin), parts.clock.now()))


@router.get("/swaps", summary="List swaps")
def list_swaps(
    parts: PartsDep,
    _: Viewer,
    schedule: str | None = None,
    state: SwapState | None = None,
    cursor: Cursor = None,
    limit: Many = MANY,
) -> Page[SwapView]:
    """The newest first, of one schedule, or of all."""
    return parts.oncall.reading.swaps_page(schedule, state, cursor=cursor, limit=limit)


@router.post("/schedules/{name}/swaps", status_code=201, summary="Propose a swap")
def propose_swap(name: str, wanted: WantedSwap, parts: PartsDep, who: Responder, origin: Origin) -> SwapView:
    """Nothing changes before the other person accepts."""
    taken = _taken(wanted.taken_from, wanted.taken_to)
    given = _made(Stretch, wanted.given_from, wanted.given_to)
    swap = _made(Swap, wanted.proposed_by or who.name, wanted.proposed_to, given, taken)
    kept = parts.oncall.rostering.propose(name, swap, _hand(who, origin), parts.clock.now(), wanted.comment)
    return parts.oncall.reading.swap(kept.id)


@router.post("/swaps/{swap_id}/answer", summary="Accept, decline or withdraw a swap")
def answer_swap(swap_id: UUID, said: SwapAnswer, parts: PartsDep, who: Responder, origin: Origin) -> SwapView:
    """Only the person it was proposed to accepts or declines, only who proposed it withdraws."""
    by, hand = said.by or who.name, _hand(who, origin)
    parts.oncall.rostering.answer(swap_id, said.answer, by, hand, parts.clock.now())
    return parts.oncall.reading.swap(swap_id)


@router.get("/calendars/{subject}/{name}", summary="Show where a calendar is", dependencies=[Depends(holds_secret)])
def show_calendar_address(subject: Subject, name: str, parts: PartsDep, _: Responder) -> CalendarView:
    """The address of a schedule's or person's shifts: who knows it needs no token."""
    parts.oncall.subscribing.calendar(subject, name, parts.clock.now())
    return CalendarView(address=parts.oncall.subscribing.address(subject, name, parts.settings.public_url))


def _hand(who: Principal, origin: str) -> Hand:
    return Hand(who.name, origin, is_bound=not who.role.includes(Role.ADMIN))


def _made(make: Callable[..., T], *facts: Any) -> T:
    """What the domain makes of what was sent; its complaint, where it makes nothing of it, names the field."""
    try:
        return make(*facts)
    except ValueError as error:
        path, _, message = str(error).partition(": ")
        raise DefinitionError([Problem(message or path, path=path if message else "")]) from error


def _taken(begin: datetime | None, end: datetime | None) -> Stretch | None:
    if begin is None or end is None:
        if begin is not end:
            raise DefinitionError([Problem("write both taken_from and taken_to, or neither", path="taken_from")])
        return None
    return _made(Stretch, begin, end)
