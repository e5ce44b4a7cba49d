"""The door for Prometheus and for Alertmanager's tools: alerts, groups, receivers (API version 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from healthmgr.api.doors.alertmanager_views import PostedAlert, read_alerts, sort_out, to_groups, to_wire
from healthmgr.api.doors.entry import Brings, Looks
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.domain.alertmanager import RESOLVE_TIMEOUT, Board, OpenAlert, Quiet, receiver_names
from healthmgr.domain.matcher import Matcher, Operator, match_all, parse_matcher

ORIGIN = "alertmanager"

router = APIRouter()


@router.post("/alerts")
async def post_alerts(request: Request, parts: PartsDep, _: Brings) -> Response:
    """Take alerts; what can be used is stored, and then 400 says what could not."""
    return await run_in_threadpool(_take, parts, await request.body())


def _take(parts: Parts, body: bytes) -> Response:
    try:
        posted = read_alerts(body)
    except ValueError as error:
        return refuse(400, f"This is no list of alerts: {error}")
    return admit(parts, posted, RESOLVE_TIMEOUT)


def admit(parts: Parts, posted: Sequence[PostedAlert], lasts_for: timedelta | None) -> Response:
    """Take the alerts that can be used. `lasts_for` is how long one without an end lasts; None: until it is said."""
    now = parts.clock.now()
    good, faults = sort_out(posted, now, lasts_for)
    parts.admitting.admit(good, ORIGIN, now)
    return refuse(400, faults) if faults else Response(status_code=200)


class Wanted:
    """Which alerts somebody asks for: by what keeps them quiet, by matchers, by an expression for the receiver.

    `unprocessed` says nothing here, for there is no alert that was not judged yet.
    """

    def __init__(
        self,
        filters: Annotated[Sequence[str], Query(alias="filter")] = (),
        receiver: str = "",
        active: bool = True,
        silenced: bool = True,
        inhibited: bool = True,
        muted: bool = True,
    ) -> None:
        self._filters, self._receiver = filters, receiver
        self._active, self._silenced, self._inhibited, self._muted = active, silenced, inhibited, muted

    def select(self, board: Board) -> Iterable[tuple[int, OpenAlert, list[str], Quiet]]:
        """Those of the board, with their places on it. Raises ValueError for a matcher or expression that is none."""
        matchers = [parse_matcher(each) for each in self._filters]
        receiver = Matcher("receiver", Operator.REGEX, self._receiver) if self._receiver else None
        for place, alert in enumerate(board.alerts):
            if not match_all(matchers, alert.subject.labels):
                continue
            receivers = board.receivers(alert)
            if receiver is not None and not any(receiver.matches({"receiver": name}) for name in receivers):
                continue
            quiet = board.quiet(alert)
            if self._wants(quiet):
                yield place, alert, receivers, quiet

    def _wants(self, quiet: Quiet) -> bool:
        return (
            (self._active or quiet.state != "active")
            and (self._silenced or not quiet.silenced_by)
            and (self._inhibited or not quiet.inhibited_by)
            and (self._muted or not quiet.muted_by)
        )


@router.get("/alerts")
def get_alerts(parts: PartsDep, _: Looks, wanted: Annotated[Wanted, Depends()]) -> Response:
    """Open alerts, of doors and of checks."""
    return _answer(parts, wanted, grouped=False)


@router.get("/alerts/groups")
def get_groups(parts: PartsDep, _: Looks, wanted: Annotated[Wanted, Depends()]) -> Response:
    """The same in the groups in which people hear of them."""
    return _answer(parts, wanted, grouped=True)


@router.get("/receivers")
def get_receivers(parts: PartsDep, _: Looks) -> Response:
    """All receivers, by name."""
    return JSONResponse([{"name": name} for name in receiver_names(parts.door_reading.directory())])


def refuse(status: int, said: str) -> Response:
    """An error as Alertmanager tells it: a JSON string."""
    return JSONResponse(said, status)


def _answer(parts: Parts, wanted: Wanted, *, grouped: bool) -> Response:
    now = parts.clock.now()
    board = parts.door_reading.board(now)
    try:
        told: dict[int, dict[str, Any]] = {
            place: to_wire(alert, receivers, quiet, now) for place, alert, receivers, quiet in wanted.select(board)
        }
    except ValueError as error:
        return refuse(400, str(error))
    return JSONResponse(to_groups(board, told) if grouped else list(told.values()))
