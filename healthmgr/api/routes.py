"""Who is told of what: the routing tree, where an alert goes in it, and who would be told while nobody answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.moments import Moment
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Viewer
from healthmgr.domain.check import Severity
from healthmgr.domain.label_text import MOST_LABELS
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.simulating import LONGEST, MOST_ALERTS, Simulation
from healthmgr.views import View
from healthmgr.views_oncall import WhoView
from healthmgr.views_routes import RouteView, WalkView, route_view, walk_view

router = APIRouter(prefix="/routes", tags=["routes"])

_FURTHEST = timedelta(days=3660)
_NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, Field(max_length=2000, pattern=_NO_NUL)]


class Labelled(BaseModel):
    """An alert that could be. `check` brings along that check's labels; no `severity`: the check's, or high."""

    model_config = ConfigDict(extra="forbid")

    labels: dict[Annotated[str, Field(min_length=1, max_length=200, pattern=_NO_NUL)], Text] = Field(
        max_length=MOST_LABELS, examples=[{"service": "shop", "severity": "critical"}]
    )

    def split(self) -> tuple[dict[str, str], Severity]:
        """The labels without the severity, and the severity. Raises DefinitionError for one that is none."""
        return _split(self.labels)


class Simulated(Labelled):
    """Alerts that begin at a time and that nobody answers."""

    at: Moment | None = Field(None, description="When they begin; left out: now.")
    lasts_for: str = Field("2h", max_length=50, description="How far to look, up to 7 days.", examples=["2h"])
    alerts: int = Field(1, ge=1, le=MOST_ALERTS, description="How many alerts there are.")


class TreeView(View):
    """The routing tree, from its root."""

    root: RouteView


class TestedView(WalkView):
    """Where such an alert goes, and whom its routes and the levels of their policies mean at this moment."""

    who: WhoView


class SimulatedLine(View):
    """One thing that would happen. `recipient` is "" for what is only said; `waits`: why a message is not at once."""

    at: datetime
    what: str
    recipient: str
    channel: str
    step: str
    reason: str
    waits: str


class SimulationView(View):
    """What would happen, in order; `is_whole` is false when there was too much of it."""

    at: datetime
    until: datetime
    labels: dict[str, str]
    group: str
    route: str
    lines: list[SimulatedLine]
    is_whole: bool

    @classmethod
    def of(cls, found: Simulation) -> SimulationView:
        """The picture of one."""
        lines = [
            SimulatedLine(
                at=line.at, what=line.what, recipient=line.recipient, channel=line.channel, step=line.step,
                reason=line.reason, waits=line.waits,
            )
            for line in found.lines
        ]  # fmt: skip
        return cls(
            at=found.at, until=found.until, labels=dict(found.labels), group=found.group, route=found.route,
            lines=lines, is_whole=found.is_whole,
        )  # fmt: skip


@router.get("", summary="Show the routing tree")
def show_routes(parts: PartsDep, _: Viewer) -> TreeView:
    """Matchers, whom each route tells, how alerts are grouped, how often people are told: with what is inherited."""
    return TreeView(root=route_view(parts.defining.tree()))


@router.post("/test", summary="Say where an alert would go")
def try_routes(alert: Labelled, parts: PartsDep, _: Viewer) -> TestedView:
    """Whom it tells, in which order, why, and how often. Silences and time windows are not judged; nothing is sent."""
    alert.split()
    walk = walk_view(parts.defining.tree(), alert.labels)
    labels, severity = _split(walk.labels)
    who = parts.oncall.reading.who(labels, severity, parts.clock.now())
    return TestedView(**dict(walk), who=who)


@router.post("/simulate", summary="Say who would be told while nobody answers")
def simulate_alert(wanted: Simulated, parts: PartsDep, _: Viewer) -> SimulationView:
    """The real routing and escalation on an incident in memory, with a moved clock. Nothing is sent or written."""
    labels, severity = wanted.split()
    now = parts.clock.now()
    begin = wanted.at or now
    if abs(begin - now) > _FURTHEST:
        raise DefinitionError([Problem("say a time within ten years from now", path="at")])
    end = begin + _length(wanted.lasts_for)
    return SimulationView.of(parts.simulating.simulate(labels, severity, at=begin, until=end, alerts=wanted.alerts))


def _split(labels: Mapping[str, str]) -> tuple[dict[str, str], Severity]:
    written = labels.get("severity", Severity.HIGH.value)
    if written not in set(Severity):
        known = ", ".join(Severity)
        raise DefinitionError([Problem(f"{written!r} is no severity: write one of {known}", path="labels.severity")])
    return {name: value for name, value in labels.items() if name != "severity"}, Severity(written)


def _length(text: str) -> timedelta:
    try:
        length = parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="lasts_for")]) from error
    if not timedelta(0) < length <= LONGEST:
        raise DefinitionError([Problem("say a length of up to 7 days", path="lasts_for")])
    return length
