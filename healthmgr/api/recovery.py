"""What keeps runbooks from running: kill switches and breakers; and how much mended itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from healthmgr.api.answer_bodies import Comment
from healthmgr.api.command import Acting
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.api.runbooks import ASCII, Name
from healthmgr.api.security import Responder, Viewer
from healthmgr.services.commanding import Act
from healthmgr.services.restraining import switch_of
from healthmgr.views_recovery import BreakerView, RateView, SwitchView

router = APIRouter(tags=["recovery"])


class RecoveryView(BaseModel):
    """Whether runbooks may run. `is_automatic`: they start by themselves; `rates` are over the days asked for."""

    is_automatic: bool
    switches: list[SwitchView]
    breakers: list[BreakerView]
    rates: list[RateView]


class Scope(Comment):
    """Of which team the runbooks are meant; "" means all recovery."""

    team: str = Field("", max_length=100, pattern=ASCII, examples=["web"])


@router.get("/recovery", summary="Show what keeps runbooks from running")
def show_recovery(
    parts: PartsDep,
    _: Viewer,
    days: Annotated[int, Query(ge=1, le=365, description="Over how many days the rates are counted.")] = 30,
) -> RecoveryView:
    """The kill switches that are thrown, the breakers, and how often each runbook mended what it started for."""
    return _view(parts, timedelta(days=days))


@router.post("/recovery/stop", summary="Throw a kill switch")
def stop(parts: PartsDep, _: Responder, act: Acting, scope: Scope | None = None) -> RecoveryView:
    """No run starts from then on, and none goes on with a step that can do harm. 409 when it is thrown already."""
    scope = scope or Scope()
    parts.recovery.restraining.throw(switch_of(scope.team), Act(act.actor, act.origin, act.now, scope.comment))
    return _view(parts)


@router.post("/recovery/start", summary="Release a kill switch")
def start(parts: PartsDep, _: Responder, act: Acting, scope: Scope | None = None) -> RecoveryView:
    """Runs may start again; what was stopped stays stopped. 409 when it is not thrown."""
    scope = scope or Scope()
    parts.recovery.restraining.release(switch_of(scope.team), Act(act.actor, act.origin, act.now, scope.comment))
    return _view(parts)


@router.post("/runbooks/{name}/close", summary="Close the breaker of a runbook")
def close_breaker(name: Name, parts: PartsDep, _: Responder, act: Acting, said: Comment | None = None) -> RecoveryView:
    """It may run again, its failures counted anew. 409 when it is not open."""
    act = Act(act.actor, act.origin, act.now, said.comment if said else "")
    parts.recovery.restraining.close_breaker(name, act)
    return _view(parts)


def _view(parts: Parts, over: timedelta = timedelta(days=30)) -> RecoveryView:
    reading = parts.recovery.reading
    return RecoveryView(
        is_automatic=parts.settings.auto_recovery,
        switches=reading.switches(),
        breakers=reading.breakers(),
        rates=reading.rates(parts.clock.now() - over),
    )
