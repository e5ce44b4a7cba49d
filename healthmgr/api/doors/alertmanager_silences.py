"""Silences as Alertmanager's tools make, change, look for and end them (API version 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.concurrency import run_in_threadpool

from healthmgr.api.doors.alertmanager import refuse
from healthmgr.api.doors.alertmanager_views import Instant, moment, parse
from healthmgr.api.doors.entry import Answers, Looks
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.api.security import Origin
from healthmgr.domain.matcher import Matcher, from_wire, parse_matcher
from healthmgr.domain.silence import Draft, Silence, SilenceState
from healthmgr.errors import Conflict, DefinitionError, NotFound

router = APIRouter()


class WireMatcher(BaseModel):
    """A matcher; `isEqual` came later than the rest, and may be missing."""

    model_config = ConfigDict(extra="ignore")

    name: str
    value: str
    isRegex: bool  # noqa: N815 - the wire's name
    isEqual: bool | None = None  # noqa: N815

    def to_matcher(self) -> Matcher:
        """As we have it. Raises ValueError."""
        return from_wire(self.name, self.value, self.isRegex, self.isEqual is not False)


class PostedSilence(BaseModel):
    """A silence as it is wanted; with an id, that one is meant to become so."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = None
    matchers: list[WireMatcher]
    startsAt: Instant  # noqa: N815
    endsAt: Instant  # noqa: N815
    createdBy: str  # noqa: N815
    comment: str
    annotations: dict[str, str] | None = None

    def to_draft(self) -> Draft:
        """As we have it. Raises ValueError."""
        return Draft(
            matchers=tuple(matcher.to_matcher() for matcher in self.matchers),
            ends_at=self.endsAt,
            created_by=self.createdBy,
            comment=self.comment,
            starts_at=self.startsAt,
            annotations=self.annotations or {},
            id=UUID(self.id) if self.id else None,
        )


_POSTED: TypeAdapter[PostedSilence] = TypeAdapter(PostedSilence)


@router.post("/silences")
async def post_silence(request: Request, parts: PartsDep, who: Answers, origin: Origin) -> Response:
    """Make a silence, or change one; the id that is told may be another than the one that was sent."""
    return await run_in_threadpool(_save, parts, await request.body(), who.name, origin)


@router.get("/silences")
def get_silences(
    parts: PartsDep,
    _: Looks,
    filters: Annotated[Sequence[str], Query(alias="filter")] = (),
    active: bool = True,
    pending: bool = True,
    expired: bool = True,
) -> Response:
    """Silences in these states that name what is asked for."""
    now = parts.clock.now()
    wanted = {SilenceState.ACTIVE: active, SilenceState.PENDING: pending, SilenceState.EXPIRED: expired}
    try:
        matchers = [parse_matcher(each) for each in filters]
    except ValueError as error:
        return refuse(400, str(error))
    states = [state for state, is_wanted in wanted.items() if is_wanted]
    found = parts.silencing.find(now, states=states, matchers=matchers)
    return JSONResponse([to_wire(silence, now) for silence in found])


@router.get("/silence/{silence_id}")
def get_silence(silence_id: str, parts: PartsDep, _: Looks) -> Response:
    """One silence."""
    return _of(silence_id, lambda known: JSONResponse(to_wire(parts.silencing.get(known), parts.clock.now())))


@router.delete("/silence/{silence_id}")
def delete_silence(silence_id: str, parts: PartsDep, who: Answers, origin: Origin) -> Response:
    """End a silence now; one that is over stays so."""

    def expire(known: UUID) -> Response:
        with suppress(Conflict):
            parts.silencing.expire(known, actor=who.name, origin=origin, now=parts.clock.now())
        return Response(status_code=200)

    return _of(silence_id, expire)


def to_wire(silence: Silence, now: datetime) -> dict[str, Any]:
    """A silence as it is told."""
    return {
        "id": str(silence.id),
        "status": {"state": silence.state(now).value},
        "updatedAt": moment(silence.updated_at),
        "matchers": [matcher.to_wire() for matcher in silence.matchers],
        "startsAt": moment(silence.starts_at),
        "endsAt": moment(silence.ends_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
        "annotations": dict(silence.annotations),
    }


def _save(parts: Parts, body: bytes, actor: str, origin: str) -> Response:
    try:
        draft = parse(_POSTED, body).to_draft()
        saved = parts.silencing.save(draft, actor=actor, origin=origin, now=parts.clock.now())
    except NotFound as error:
        return refuse(404, str(error))
    except (ValueError, DefinitionError) as error:
        return refuse(400, str(error))
    return JSONResponse({"silenceID": str(saved.id)})


def _of(silence_id: str, answer: Callable[[UUID], Response]) -> Response:
    try:
        known = UUID(silence_id)
    except ValueError:
        return refuse(400, f"{silence_id[:80]!r} is no id of a silence: it is a UUID")
    try:
        return answer(known)
    except NotFound as error:
        return refuse(404, str(error))
