"""What people announce on the status page."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.checks import Cursor, Limit
from healthmgr.api.etags import IfMatch, tagged
from healthmgr.api.moments import Moment
from healthmgr.api.paging import number
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.announcement import MOST_MESSAGE, MOST_TITLE, Impact, Kind, State, Wanted
from healthmgr.storage.paging import instant, page, seal, unseal
from healthmgr.views import Page
from healthmgr.views_public import AnnouncementView

router = APIRouter(prefix="/announcements", tags=["announcements"])

Number = Annotated[int, Path(ge=1, lt=10**18, description="The announcement's number.")]
Message = Annotated[str, Field(max_length=MOST_MESSAGE, examples=["Orders fail. We are looking for the cause."])]


class NewAnnouncement(BaseModel):
    """What everybody is to be told."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind = Kind.INCIDENT
    title: str = Field(max_length=MOST_TITLE, examples=["Orders fail"])
    message: Message
    impact: Impact = Field(Impact.DEGRADED, description="What the groups feel of it; of trouble alone.")
    groups: list[str] = Field(
        default_factory=list, max_length=100, description="By their public names; left out: all.", examples=[["Shop"]]
    )
    state: State | None = Field(None, description="Left out: investigating, or scheduled.")
    starts_at: Moment | None = Field(None, description="Left out: now.")
    ends_at: Moment | None = Field(None, description="Of planned work: when it ends by itself.")


class NewUpdate(BaseModel):
    """What is new of it; resolved and completed end it."""

    model_config = ConfigDict(extra="forbid")

    state: State
    message: Message


@router.get("", summary="List announcements")
def list_announcements(parts: PartsDep, _: Viewer, cursor: Cursor = None, limit: Limit = 100) -> Page[AnnouncementView]:
    """The newest first, with every update and who wrote it, which is not published."""
    now = parts.clock.now()
    before = unseal(cursor, instant, number) if cursor else None
    found = parts.public.announcing.list(limit=limit + 1, before=before)
    return page(found, limit, lambda one: AnnouncementView.of(one, now), lambda one: seal(one.starts_at, one.number))


@router.post("", status_code=201, summary="Announce something")
def publish(wanted: NewAnnouncement, parts: PartsDep, who: Responder, origin: Origin) -> AnnouncementView:
    """Everybody can read it at once; 409 where no status page is defined."""
    now = parts.clock.now()
    asked = Wanted(**{**wanted.model_dump(), "groups": tuple(wanted.groups)})
    made = parts.public.announcing.publish(asked, actor=who.name, origin=origin, now=now)
    return AnnouncementView.of(made, now)


@router.get("/{number}", summary="Show an announcement")
def show(number: Number, parts: PartsDep, _: Viewer, response: Response) -> AnnouncementView:
    """With every update."""
    return tagged(response, AnnouncementView.of(parts.public.announcing.get(number), parts.clock.now()))


@router.post("/{number}/updates", status_code=201, summary="Say what is new of an announcement")
def update(
    number: Number, said: NewUpdate, parts: PartsDep, who: Responder, origin: Origin, condition: IfMatch
) -> AnnouncementView:
    """409 for one that is over."""
    now = parts.clock.now()
    updated = parts.public.announcing.update(
        number,
        said.state,
        said.message,
        actor=who.name,
        origin=origin,
        now=now,
        judge=condition.on(partial(AnnouncementView.of, now=now)),
    )
    return condition.tagged(AnnouncementView.of(updated, now))


@router.delete("/{number}", status_code=204, response_class=Response, summary="Withdraw an announcement")
def withdraw(number: Number, parts: PartsDep, who: Responder, origin: Origin, condition: IfMatch) -> None:
    """It vanishes from the page, as if it had never been said; the audit log keeps that it was."""
    now = parts.clock.now()
    judge = condition.on(partial(AnnouncementView.of, now=now))
    parts.public.announcing.withdraw(number, actor=who.name, origin=origin, now=now, judge=judge)
