"""The shapes in which incidents are read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from healthmgr.views import AlertView, NotificationView, View
from healthmgr.views_insight import CauseView


class IncidentLine(View):
    """An incident in a list; `state` is firing, acknowledged, snoozed or resolved, `title` what it is about."""

    id: UUID
    number: int
    title: str
    state: str
    severity: str
    route: str
    labels: dict[str, str]
    open_alerts: int
    alerts: int
    impacted: int
    opened_at: datetime
    assignee: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_until: datetime | None
    resolved_at: datetime | None
    last_told_at: datetime | None
    round_at: datetime | None
    held_reason: str


class EntryView(View):
    """One line of a timeline: `actor` is "" for what healthmgr did by itself."""

    at: datetime
    kind: str
    reason: str
    actor: str
    detail: dict[str, Any]


class PlannedLevel(View):
    """A level of the policy that is climbed: whom it names, over which channels ([]: each person's own).

    `after` is how many seconds after the level before (for the first: after the beginning) it is told.
    """

    name: str
    to: list[str]
    via: list[str]
    after: float


class PlannedLeg(View):
    """What one route of the frozen plan does: whom it tells ("alice over mail"), how often again (seconds).

    `policy` is climbed besides, "" for none, through its `levels`, which begin again `repeat` times.
    """

    route: str
    receiver: str
    to: list[str]
    cadence: float
    policy: str = ""
    levels: list[PlannedLevel] = Field(default_factory=list)
    repeat: int = 0


class RoleView(View):
    """A role in an incident, and who holds it."""

    role: str
    person: str
    assigned_by: str
    assigned_at: datetime


class TaskView(View):
    """Something that an incident leaves to be done; `number` counts within the incident, `assignee` may be ""."""

    number: int
    title: str
    assignee: str
    created_by: str
    created_at: datetime
    done_at: datetime | None
    done_by: str


class LinkView(View):
    """Another incident: this one `caused` it, was `caused_by` it, `took_in` or was `merged_into` it."""

    kind: str
    number: int
    title: str


class IncidentView(IncidentLine):
    """An incident whole: its alerts, who is told and was, and its timeline, oldest first.

    `climb_level` is the level of its policy that is next, from 0 on (their number: none is left), `climb_lap` how often
    they began again, `climb_at` when the next is due, `snoozed_until` the end of a snooze. `hanging` says what falls
    with its checks ("12 checks in 4 services"), `causes` what it may come from, the likeliest first.
    """

    episode: int
    round: int
    climb_level: int = 0
    climb_lap: int = 0
    climb_at: datetime | None
    snoozed_until: datetime | None
    plan: list[PlannedLeg]
    members: list[AlertView]
    notifications: list[NotificationView]
    timeline: list[EntryView]
    roles: list[RoleView]
    tasks: list[TaskView]
    subscribers: list[str]
    linked: list[LinkView]
    hanging: str = ""
    causes: list[CauseView] = Field(default_factory=list)
