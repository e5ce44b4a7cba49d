"""A small world for alerts to live in: checks, people, providers with moods, and a broker without a conscience.

Whatever is due lies in a bag, as messages lie on a broker: they may be taken in any order, twice, late, or never.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Status
from healthmgr.domain.dispatch import EARLY_BY, Due, Work
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.result import Result
from healthmgr.domain.routing_tree import Options, Route
from healthmgr.errors import ChannelError, Conflict
from healthmgr.ports import Receipt
from healthmgr.services.notifying import Notifying
from healthmgr.storage.notifying_rows import NotifyingRows
from healthmgr.storage.transactions import Transactions
from tests.builders import NOW, make_channel, make_check, make_recipient, make_route
from tests.emptying import empty
from tests.stories.acting import Acting
from tests.stories.playing import AnyConfig

CHECKS = ("api", "web", "bank", "child")
_NEXT = """
SELECT min(at) AS at FROM (
    SELECT min(GREATEST(due_at, armed_until)) AS at FROM dispatches
    UNION ALL SELECT min(GREATEST(due_at, armed_until)) FROM notifications WHERE due_at IS NOT NULL
    UNION ALL SELECT min(GREATEST(due_at, armed_until)) FROM incidents WHERE due_at IS NOT NULL
) AS events
"""


class WorkerDied(BaseException):
    """As kill -9: nothing after it runs."""


@dataclass
class World(Acting):
    """The services on real rows, and everything around them played."""

    healthmgr: Healthmgr
    engine: Engine
    now: datetime = NOW
    bag: list[Due] = field(default_factory=list)
    moods: dict[str, str] = field(default_factory=dict)
    sent: list[UUID] = field(default_factory=list)
    begun: Counter[UUID] = field(default_factory=Counter)
    died_with: set[UUID] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        with self.engine.begin() as connection:
            empty(connection)
        for name, kind in (("mail", "email"), ("hook", "webhook")):
            make_channel(self.engine, name, kind=kind)
        make_recipient(self.engine, "alice", mail="alice@example.com", hook="http://alice")
        make_recipient(self.engine, "bob", mail="bob@example.com")
        page = Route("page", tuple(parse_matchers("severity=critical")), to=("alice",), via=("mail",))
        make_route(self.engine, page)
        make_route(self.engine, Route("default", to=("bob",), via=("mail",), options=Options()), position=2000)
        shop: dict[str, Any] = {"service": "shop", "severity": "critical", "degraded_severity": "critical"}
        common: dict[str, Any] = {"max_attempts": 1, "detects_flapping": False}
        self.ids = {slug: make_check(self.engine, slug, **common, **shop) for slug in ("api", "web")}
        self.ids["bank"] = make_check(self.engine, "bank", **common, severity="critical", degraded_severity="low")
        self.ids["child"] = make_check(self.engine, "child", max_attempts=1, severity="low", depends_on=["bank"])
        self.sequence = 0
        store = Transactions(self.engine, NotifyingRows)
        self._notifying = Notifying(store, self, {}, "world")

    # ---- What happens ----------------------------------------------------------------------------

    def finds(self, slug: str, status: Status) -> None:
        """A probe of this check finds this."""
        self.sequence += 1
        result = Result(self.ids[slug], self.sequence, status, "said", 0.1, self.now, worker="world")
        self.bag += self.healthmgr.evaluating.evaluate([result], self.now)

    def sweep(self) -> None:
        """A beat looks for rows that nobody was reminded of."""
        self.bag += self.healthmgr.upkeep.sweep(self.now)

    def carry(self, due: Due) -> bool:
        """A worker takes a message, unless it is not to be delivered yet."""
        if due.due_at > self.now + EARLY_BY:
            return False
        match due.work:
            case Work.DISPATCH:
                self.bag += self.healthmgr.routing.dispatch(due.key, due.token, self.now)[1]
            case Work.ESCALATION:
                self.bag += self.healthmgr.escalating.advance(UUID(due.key), due.token, self.now)[1]
            case Work.NOTIFICATION:
                self._send(UUID(due.key))
            case Work.CALL | Work.RUN:
                raise AssertionError("no runbook is defined in this world")
        return True

    def settle(self, minutes: float) -> None:
        """All providers work, and nothing more happens: whatever is due in this time is carried out."""
        self.moods.clear()
        self.carry_on(timedelta(minutes=minutes))

    def carry_on(self, length: timedelta) -> None:
        """Whatever is due in this time is carried out when it is due; the moods of providers stay."""
        until = self.now + length
        while self.now <= until:
            self.sweep()
            ready = [due for due in self.bag if due.due_at <= self.now]
            self.bag = [due for due in self.bag if due.due_at > self.now]
            for due in ready:
                self.carry(due)
            if ready:
                continue
            ((at,),) = self.rows(_NEXT)
            upcoming = [due.due_at for due in self.bag] + ([at] if at else [])
            self.now = max(self.now + timedelta(milliseconds=1), min(upcoming, default=until + timedelta(seconds=1)))
        self.now = until

    # ---- The provider ----------------------------------------------------------------------------

    kind = "any"
    needs_address = True
    Config = AnyConfig

    def channel(self, kind: str) -> Any:
        """The provider of every kind."""
        return self

    def send(self, config: Any, message: Any, address: str, timeout: timedelta) -> Receipt:
        """Take a message, or not, as it feels; and see that it may be sent at all."""
        self.begun[message.notification_id] += 1
        self._judge(message.notification_id)
        mood = self.moods.get(address.partition("@")[0], "works")
        if mood == "dies":
            self.moods.pop(address.partition("@")[0])
            self.died_with.add(message.notification_id)
            raise WorkerDied
        if mood == "is answered":
            self._answer(message.incident_id)
        if mood in ("away", "refuses", "is answered"):
            raise ChannelError("not now", permanent=mood == "refuses")
        self.sent.append(message.notification_id)
        return Receipt()

    def _send(self, notification_id: UUID) -> None:
        try:
            self.bag += self._notifying.send(notification_id, lambda: self.now, lambda claimed: None)
        except WorkerDied:
            return

    def _answer(self, incident_id: UUID) -> None:
        """Somebody acknowledges while the message is under way."""
        try:
            self.bag += self.healthmgr.answering.acknowledge(incident_id, actor="bob", origin="api", now=self.now)
        except Conflict:
            return

    def _judge(self, notification_id: UUID) -> None:
        """What is about to be sent while its incident is in somebody's hands is a fault."""
        query = """
        SELECT i.acknowledged_at, n.kind, n.reason FROM notifications n JOIN incidents i ON i.id = n.incident_id
        WHERE n.id = :id
        """
        ((acknowledged_at, kind, reason),) = self.rows(query, id=notification_id)
        if acknowledged_at is not None and kind == "problem":
            self.faults.append(f"{kind} ({reason}) was begun after the acknowledgement")
