"""Silences: a person's wish that some alerts be quiet for a while."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.checks import Cursor
from healthmgr.api.etags import IfMatch, tagged
from healthmgr.api.moments import Moment
from healthmgr.api.paging import MANY, Many, silences_at
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.silence import MOST_AUTHOR, MOST_COMMENT, MOST_MATCHERS, Draft, SilenceState, read_matchers
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.silencing import ANY_STATE
from healthmgr.storage.paging import page_of
from healthmgr.views import Page
from healthmgr.views_muting import HitsView, SilenceView

router = APIRouter(prefix="/silences", tags=["silences"])

MatcherTexts = Annotated[
    list[Annotated[str, Field(max_length=20_000)]],
    Field(
        min_length=1,
        max_length=MOST_MATCHERS,
        description="What the labels of an alert have to be like; all of them have to fit.",
        examples=[["service=shop", 'host=~"db-.*"']],
    ),
]


class WantedSilence(BaseModel):
    """The silence that is wanted: until `ends_at`, or as long as `lasts_for`."""

    model_config = ConfigDict(extra="forbid")

    matchers: MatcherTexts
    comment: str = Field(max_length=MOST_COMMENT, description="Why.", examples=["Moving the pool."])
    starts_at: Moment | None = Field(None, description="Left out: now.")
    ends_at: Moment | None = None
    lasts_for: str | None = Field(None, max_length=50, examples=["2h"])
    created_by: str = Field("", max_length=MOST_AUTHOR, description="Who wants it; left out: the token's name.")

    def to_draft(self, author: str, now: datetime, silence_id: UUID | None = None) -> Draft:
        """As the service wants it. Raises DefinitionError."""
        return Draft(
            matchers=read_matchers(self.matchers),
            ends_at=self._end(now),
            created_by=self.created_by or author,
            comment=self.comment,
            starts_at=self.starts_at,
            id=silence_id,
        )

    def _end(self, now: datetime) -> datetime:
        if (self.ends_at is None) == (self.lasts_for is None):
            raise DefinitionError([Problem("write ends_at or lasts_for, one of them", path="ends_at")])
        if self.ends_at is not None:
            return self.ends_at
        try:
            return (self.starts_at or now) + parse_duration(self.lasts_for or "")
        except (ValueError, OverflowError) as error:
            raise DefinitionError([Problem(str(error), path="lasts_for")]) from error


class Matching(BaseModel):
    """Matchers to be tried out."""

    model_config = ConfigDict(extra="forbid")

    matchers: MatcherTexts


@router.get("", summary="List silences")
def list_silences(
    parts: PartsDep,
    _: Viewer,
    state: Annotated[
        list[SilenceState] | None, Query(description="Only those in these states; left out: all that are kept.")
    ] = None,
    matcher: Annotated[
        list[str] | None, Query(description="Only those whose own matchers, as written, fit this.")
    ] = None,
    cursor: Cursor = None,
    limit: Many = MANY,
) -> Page[SilenceView]:
    """What holds first, then what is to come, then what is over, which is kept for five days."""
    now = parts.clock.now()
    order, at = silences_at(cursor, now)
    found = parts.silencing.find(at, states=state or ANY_STATE, matchers=read_matchers(matcher or ()))
    return page_of(found, order, lambda silence: SilenceView.of(silence, now), cursor=cursor, limit=limit)


@router.post("", status_code=201, summary="Silence alerts")
def create_silence(
    wanted: WantedSilence, parts: PartsDep, who: Responder, origin: Origin, response: Response
) -> SilenceView:
    """What fits is told to nobody until it ends; what is still broken then is told then."""
    now = parts.clock.now()
    draft = wanted.to_draft(who.name, now)
    return tagged(response, SilenceView.of(parts.silencing.save(draft, actor=who.name, origin=origin, now=now), now))


@router.post("/preview", summary="Show what matchers would silence now")
def preview_silence(wanted: Matching, parts: PartsDep, _: Viewer) -> HitsView:
    """Open alerts, their incidents, and how many messages wait. Nothing is changed."""
    return HitsView.of(parts.silencing.preview(read_matchers(wanted.matchers)))


@router.get("/{silence_id}", summary="Show a silence")
def show_silence(silence_id: UUID, parts: PartsDep, _: Viewer, response: Response) -> SilenceView:
    """Also one that is over, for five days."""
    return tagged(response, SilenceView.of(parts.silencing.get(silence_id), parts.clock.now()))


@router.put("/{silence_id}", summary="Change a silence")
def change_silence(
    silence_id: UUID, wanted: WantedSilence, parts: PartsDep, who: Responder, origin: Origin, condition: IfMatch
) -> SilenceView:
    """One that would mute something else than before is over, and another takes its place: the id tells."""
    now = parts.clock.now()
    draft, judge = wanted.to_draft(who.name, now, silence_id), condition.on(partial(SilenceView.of, now=now))
    saved = parts.silencing.save(draft, actor=who.name, origin=origin, now=now, judge=judge)
    return condition.tagged(SilenceView.of(saved, now))


@router.delete("/{silence_id}", summary="End a silence")
def expire_silence(
    silence_id: UUID, parts: PartsDep, who: Responder, origin: Origin, condition: IfMatch
) -> SilenceView:
    """What it held back and still fires is told; 409 when it is over already."""
    now = parts.clock.now()
    judge = condition.on(partial(SilenceView.of, now=now))
    expired = parts.silencing.expire(silence_id, actor=who.name, origin=origin, now=now, judge=judge)
    return condition.tagged(SilenceView.of(expired, now))
