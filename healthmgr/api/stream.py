"""Events over HTTP: page by page, or as they happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import Field

from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Viewer
from healthmgr.api.stream_answer import END, MEDIA_TYPE, EventStreamAnswer, Listening
from healthmgr.domain.event import NAMES, RESET, Wanted, read_names
from healthmgr.domain.silence import read_matchers
from healthmgr.services.tokens import Role
from healthmgr.views_events import EventPage

router = APIRouter(prefix="/events", tags=["events"])

_MOST_PLACE = 2**63 - 1
_EXAMPLE = """\
id: 4711
event: check_state_changed
data: {"id":4711,"type":"check_state_changed","at":"2030-01-31T12:00:00Z","labels":{},"data":{"check":"shop"}}

"""
# Each event of a stream: what there is to say of one in OpenAPI 3.1.
_ITEM = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "Its place: to be sent as `Last-Event-ID`."},
        "event": {"type": "string", "enum": [*NAMES, RESET, END]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}


def still_valid(request: Request, parts: PartsDep) -> Callable[[], bool]:
    """What asks whether the request's token, which was found good once, still is."""
    token = request.headers.get("authorization", "").partition(" ")[2]

    def ask() -> bool:
        principal = parts.tokens.verify(token, parts.clock.now())
        return principal is not None and principal.role.includes(Role.VIEWER)

    return ask


# Together far below what the line of a request may hold.
Types = Annotated[
    list[Annotated[str, Field(max_length=100)]] | None,
    Query(
        alias="type", max_length=len(NAMES), description=f"Only events of these types: {', '.join(NAMES)}.",
        examples=[["incident_opened", "incident_resolved"]],
    ),
]  # fmt: skip
Matchers = Annotated[
    list[Annotated[str, Field(max_length=1000)]] | None,
    Query(
        alias="matcher", max_length=10, description="Only events whose labels fit this; of several, all have to.",
        examples=[["service=shop"]],
    ),
]  # fmt: skip
After = Annotated[
    int | None,
    Query(ge=0, le=_MOST_PLACE, description="Only events behind the one with this id.", examples=[4711]),
]


@router.get("", summary="List what happened")
def list_events(
    parts: PartsDep,
    _: Viewer,
    types: Types = None,
    matchers: Matchers = None,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=500, description="How many items at most.")] = 100,
) -> EventPage:
    """Oldest first, as far back as events are kept: a day. Ids rise, and have gaps."""
    return parts.event_reading.page(_wanted(types, matchers), after or 0, limit)


@router.get(
    "/stream",
    summary="Follow what happens",
    status_code=200,
    response_class=EventStreamAnswer,
    responses={
        200: {
            "description": "Server-sent events, until one side ends it.",
            "content": {MEDIA_TYPE: {"schema": _ITEM, "example": _EXAMPLE}},
        }
    },
)
def stream_events(
    request: Request,
    _: Viewer,
    may_go_on: Annotated[Callable[[], bool], Depends(still_valid)],
    types: Types = None,
    matchers: Matchers = None,
    after: After = None,
    lasts_for: Annotated[
        float | None, Query(gt=0, le=86_400, description="Seconds after which it ends; left out: it does not.")
    ] = None,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=_MOST_PLACE, description="As `after`, sent by readers that come back.")
    ] = None,
) -> EventStreamAnswer:
    """Every event within two seconds, named by its type, with `id` to go on from; a comment every 15 s meanwhile.

    Behind `Last-Event-ID` or `after` come first the events that were missed. Where some of those are no longer kept
    the event `reset` comes before them. The event `end` says why the stream ends: `shutdown`, `too_slow`,
    `token_not_valid` or `time_is_over`. 503 when too many listen to this process.
    """
    behind = last_event_id if last_event_id is not None else after
    listening = Listening(_wanted(types, matchers), behind, may_go_on, lasts_for)
    return EventStreamAnswer(request.app.state.event_feed, listening)


def _wanted(types: list[str] | None, matchers: list[str] | None) -> Wanted:
    return Wanted(read_names(types or ()), read_matchers(matchers or ()))
