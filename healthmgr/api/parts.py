"""What the API is built on, and how a request gets at it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import Engine

from healthmgr.bootstrap_insight import Insight
from healthmgr.bootstrap_measuring import Measuring
from healthmgr.bootstrap_oncall import Oncall
from healthmgr.bootstrap_public import Public
from healthmgr.bootstrap_recovery import Recovery
from healthmgr.bootstrap_webhooks import Hooks
from healthmgr.ports import Clock
from healthmgr.registry import Registry
from healthmgr.services.admitting import Admitting
from healthmgr.services.answering import Answering
from healthmgr.services.answering_many import AnsweringMany
from healthmgr.services.balancing import Balancing
from healthmgr.services.commanding import Commanding
from healthmgr.services.coordinating import Coordinating
from healthmgr.services.defining import Defining
from healthmgr.services.executing import Executing
from healthmgr.services.maintaining import Maintaining
from healthmgr.services.pinging import Pinging
from healthmgr.services.previewing import Previewing
from healthmgr.services.promising import Promising
from healthmgr.services.pushing import Pushing
from healthmgr.services.repeating import Repeating
from healthmgr.services.reporting import Reporting
from healthmgr.services.sessions import Sessions
from healthmgr.services.silencing import Silencing
from healthmgr.services.simulating import Simulating
from healthmgr.services.tokens import Tokens
from healthmgr.services.users import Users
from healthmgr.settings import Settings
from healthmgr.storage.reading import Reading
from healthmgr.storage.reading_audit import AuditReading
from healthmgr.storage.reading_board import BoardReading
from healthmgr.storage.reading_doors import DoorReading
from healthmgr.storage.reading_events import EventReading


class Responds(Protocol):
    """What a person can do about alerts and checks; each raises NotFound or Conflict.

    What they give back is for those who deliver at once; the sweep finds it anyway.
    """

    def acknowledge(
        self,
        alert_id: UUID,
        *,
        actor: str,
        origin: str,
        now: datetime,
        comment: str = "",
        until: datetime | None = None,
    ) -> object:
        """Say that somebody is on it."""
        ...

    def unacknowledge(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> object:
        """Say that nobody is on it after all."""
        ...

    def resolve(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> object:
        """Say that it is over."""
        ...

    def reopen(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> object:
        """Say that it was not over."""
        ...

    def pause(self, slug: str, *, actor: str, origin: str, now: datetime) -> object:
        """Stop probing."""
        ...

    def resume(self, slug: str, *, actor: str, origin: str, now: datetime) -> object:
        """Probe again."""
        ...

    def run(self, slug: str, *, actor: str, origin: str, now: datetime) -> object:
        """Order a probe now."""
        ...


class Parts(Protocol):
    """The built healthmgr, as far as the API needs it."""

    @property
    def settings(self) -> Settings:
        """The environment."""
        ...

    @property
    def engine(self) -> Engine:
        """The database."""
        ...

    @property
    def clock(self) -> Clock:
        """The one clock."""
        ...

    @property
    def registry(self) -> Registry:
        """The plugins that are installed."""
        ...

    @property
    def reading(self) -> Reading:
        """Questions."""
        ...

    @property
    def responding(self) -> Responds:
        """Actions on alerts and checks."""
        ...

    @property
    def answering(self) -> Answering:
        """Actions on incidents."""
        ...

    @property
    def answering_many(self) -> AnsweringMany:
        """One action on many incidents."""
        ...

    @property
    def commanding(self) -> Commanding:
        """Who acts on incidents."""
        ...

    @property
    def coordinating(self) -> Coordinating:
        """What surrounds incidents."""
        ...

    @property
    def silencing(self) -> Silencing:
        """Silences."""
        ...

    @property
    def maintaining(self) -> Maintaining:
        """Maintenance windows."""
        ...

    @property
    def reporting(self) -> Reporting:
        """What providers report."""
        ...

    @property
    def pinging(self) -> Pinging:
        """Pings."""
        ...

    @property
    def pushing(self) -> Pushing:
        """Results that others bring."""
        ...

    @property
    def admitting(self) -> Admitting:
        """Alerts that others bring."""
        ...

    @property
    def door_reading(self) -> DoorReading:
        """What Alertmanager's API tells."""
        ...

    @property
    def balancing(self) -> Balancing:
        """Instances of services, and what balancers are told of them."""
        ...

    @property
    def promising(self) -> Promising:
        """What healthmgr promises of itself, and what became of it."""
        ...

    @property
    def executing(self) -> Executing:
        """Ad-hoc probes that somebody waits for."""
        ...

    @property
    def board(self) -> BoardReading:
        """Checks as a board shows them."""
        ...

    @property
    def defining(self) -> Defining:
        """What is defined."""
        ...

    @property
    def previewing(self) -> Previewing:
        """Messages that page nobody."""
        ...

    @property
    def simulating(self) -> Simulating:
        """Who would be told."""
        ...

    @property
    def insight(self) -> Insight:
        """Forecasts, the graph of dependencies, causes and changes."""
        ...

    @property
    def oncall(self) -> Oncall:
        """Who is on call."""
        ...

    @property
    def measuring(self) -> Measuring:
        """Metrics over time and service levels."""
        ...

    @property
    def public(self) -> Public:
        """What everybody may read."""
        ...

    @property
    def recovery(self) -> Recovery:
        """Runbooks, and their runs."""
        ...

    @property
    def event_reading(self) -> EventReading:
        """What happened, in its order."""
        ...

    @property
    def webhooks(self) -> Hooks:
        """Who else is told of what happens."""
        ...

    @property
    def audit(self) -> AuditReading:
        """What people and programs did."""
        ...

    @property
    def users(self) -> Users:
        """People who sign in by password."""
        ...

    @property
    def repeating(self) -> Repeating:
        """Requests that come twice."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Browsers that somebody signed in with."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Access tokens."""
        ...


def parts_of(request: Request) -> Parts:
    """What this application was created with."""
    parts: Parts = request.app.state.parts
    return parts


PartsDep = Annotated[Parts, Depends(parts_of)]
