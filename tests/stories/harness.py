"""Stories: the real services on a real PostgreSQL, a moved clock, scripted targets and recorded messages.

    story.given(check("api", severity="critical"))
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", via="mail", about="api")
    story.expect_silence()

Only the two ends are played: what a probe finds, and what a provider answers. Everything between is what
runs in production, called in the order in which the broker would carry it; a lost message is one that the
story does not carry.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.bootstrap_settings import alerting_rules
from healthmgr.domain.check import Status
from healthmgr.domain.dispatch import Due, Work
from healthmgr.domain.links import LinkMaker
from healthmgr.domain.message import Message, MessageKind
from healthmgr.domain.result import Outcome, ProbeOrder, Result
from healthmgr.errors import ChannelError, Unavailable
from healthmgr.services.notifying import Notifying
from healthmgr.storage.notifying_rows import NotifyingRows, Sending
from healthmgr.storage.transactions import Transactions
from tests.stories.acting import Acting
from tests.stories.playing import AnyConfig, Delivery, PlayedChannel
from tests.stories.repairing import PlayedSteps, recovering_with

__all__ = ["HEALTHY", "SECRET", "START", "AnyConfig", "Delivery", "Story", "check"]

SECRET = "s" * 32
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HEALTHY = Outcome(Status.HEALTHY, "fine", response_time=0.01)

_NEXT_EVENT = text("""
SELECT min(at) FROM (
    SELECT min(claim_at) AS at FROM check_schedules WHERE is_active AND :is_probing
    UNION ALL SELECT min(GREATEST(due_at, armed_until)) FROM dispatches
    UNION ALL SELECT min(GREATEST(due_at, armed_until)) FROM notifications WHERE due_at IS NOT NULL
    UNION ALL SELECT min(GREATEST(due_at, armed_until)) FROM incidents WHERE due_at IS NOT NULL
    UNION ALL SELECT min(GREATEST(due_at, armed_until)) FROM runs WHERE due_at IS NOT NULL
    UNION ALL SELECT min(GREATEST(due_at, armed_until)) FROM recovery_calls
) AS events
""")


def check(slug: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    """A check of the story: every 10 s, hard at the third bad result, 3 s apart, unless told otherwise."""
    defaults = {
        "kind": "tcp",
        "config": {"host": "127.0.0.1", "port": 1},
        "interval": "10s",
        "timeout": "3s",
        "retry_interval": "3s",
        "severity": "critical",
    }
    return slug, defaults | fields


@dataclass
class Story(Acting):
    """One story, from a given beginning to what people were told."""

    healthmgr: Healthmgr
    engine: Engine
    folder: Path
    now: datetime = START
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    answers: dict[str, Callable[[Message], None]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    deliveries: list[Delivery] = field(default_factory=list)
    probes: list[ProbeOrder] = field(default_factory=list)
    carries_messages: bool = True
    _reminders: list[Due] = field(default_factory=list)
    _is_probing: bool = True

    def __post_init__(self) -> None:
        sending = Sending(alerting_rules(self.healthmgr.settings), LinkMaker("http://healthmgr", SECRET))
        store = Transactions(self.engine, lambda connection: NotifyingRows(connection, sending))
        self._notifying = Notifying(store, self, {}, "story")
        self.steps = PlayedSteps(self.healthmgr.registry)
        self.recovering = recovering_with(self.healthmgr, self.engine, self.steps)

    # ---- Given -----------------------------------------------------------------------------------

    def given(
        self, *checks: tuple[str, dict[str, Any]], routing: Mapping[str, Any] | None = None, **parts: Any
    ) -> None:
        """Define checks; alice is told by mail and hook, bob is the catch-all's and has mail alone.

        `parts` are further parts of the definitions: receivers, time_windows, maintenance, inhibitions.
        """
        document = {
            "version": 1,
            "channels": {
                "mail": {"kind": "email", "config": {"host": "127.0.0.1", "port": 25, "from": "healthmgr@example.com"}},
                "hook": {"kind": "webhook", "config": {"url": "http://127.0.0.1/", "secret": "whsec_" + "a" * 32}},
            },
            "recipients": {
                "alice": {"contacts": {"mail": "alice@example.com", "hook": ""}},
                "bob": {"contacts": {"mail": "bob@example.com"}},
            },
            "routing": routing
            or {
                "critical": {"to": ["alice"], "via": ["mail"], "repeat_interval": "30m"},
                "default": {"to": ["bob"], "via": ["mail"]},
            },
            "checks": dict(checks),
            **parts,
        }
        path = self.folder / "story.yaml"
        path.write_text(yaml.safe_dump(document))
        self.healthmgr.defining.apply(path, actor="story", origin="file", now=self.now)

    def all_is_well(self, seconds: float = 30) -> None:
        """Let every check be found healthy, and see that nobody is told anything."""
        self.fast_forward(seconds=seconds)
        self.expect_silence()

    # ---- What happens ----------------------------------------------------------------------------

    def check_fails(self, slug: str, message: str = "connection refused") -> None:
        """From now on probes find this check down."""
        self.outcomes[slug] = Outcome(Status.UNHEALTHY, message, response_time=0.01)

    def check_finds(self, slug: str, outcome: Outcome) -> None:
        """From now on probes find this."""
        self.outcomes[slug] = outcome

    def check_recovers(self, slug: str) -> None:
        """From now on probes find this check healthy."""
        self.outcomes.pop(slug, None)

    def channel_refuses(self, kind: str, *, permanent: bool, retry_after: timedelta | None = None) -> None:
        """From now on this kind of provider takes nothing."""

        def refuse(message: Message) -> None:
            raise ChannelError("refused by the story", permanent=permanent, retry_after=retry_after)

        self.answers[kind] = refuse

    def refuses_recipient(self, kind: str, recipient: str) -> None:
        """From now on this kind of provider refuses this person's messages for good."""

        def refuse(message: Message) -> None:
            if message.recipient == recipient:
                raise ChannelError("no such mailbox", permanent=True)

        self.answers[kind] = refuse

    def channel_works(self, kind: str) -> None:
        """From now on this kind of provider takes everything."""
        self.answers.pop(kind, None)

    def let_pass(self, *, minutes: float = 0, hours: float = 0) -> None:
        """A long time in which probes find what they found before: only what waits for its time goes on."""
        self.fast_forward(minutes=minutes, hours=hours, is_probing=False)

    def fast_forward(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, is_probing: bool = True
    ) -> None:
        """Move the clock, stopping at every instant at which something is due."""
        self._is_probing = is_probing
        until = self.now + timedelta(seconds=seconds, minutes=minutes, hours=hours)
        self.settle()
        while (event := self._next_event()) <= until:
            self.now = max(self.now, event)
            self.settle()
        self.now = until
        self._is_probing = True

    # ---- What is expected ------------------------------------------------------------------------

    def expect_notification(
        self, recipient: str, *, via: str = "mail", about: str | None = None, kind: str = "problem"
    ) -> Delivery:
        """One message that this person got; it is then done with. Fails when there is none."""
        kinds = {"mail": "email", "hook": "webhook"}
        for index, delivery in enumerate(self.deliveries):
            message = delivery.message
            is_about = about is None or any(alert.check_slug == about for alert in message.alerts)
            if (
                (delivery.via, message.recipient) == (kinds[via], recipient)
                and is_about
                and message.kind is MessageKind(kind)
            ):
                return self.deliveries.pop(index)
        raise AssertionError(f"{recipient} got no {kind} via {via} about {about}; there is: {self._told()}")

    def expect_silence(self) -> None:
        """Nothing was told that the story has not looked at."""
        assert not self.deliveries, f"nobody should have been told, but: {self._told()}"

    # ---- The walk --------------------------------------------------------------------------------

    def settle(self) -> None:
        """Carry out everything that is due at this instant."""
        while self._probe_due() or self._carry_reminders():
            pass

    def channel(self, kind: str) -> Any:
        """The provider of this kind (the port that notifying looks channels up by)."""
        return PlayedChannel(self, kind)

    def _probe_due(self) -> bool:
        if not self._is_probing:
            return False
        orders = self.healthmgr.scheduling.claim_probes(self.now)
        self.probes += orders
        results = [self._probe(order) for order in orders if order.slug not in self.unanswered]
        self._remind(self.healthmgr.evaluating.evaluate(results, self.now) if results else [])
        return bool(orders)

    def _probe(self, order: ProbeOrder) -> Result:
        outcome = self.find(order)
        return Result(
            check_id=order.check_id,
            sequence=order.sequence,
            status=outcome.status,
            message=outcome.message,
            response_time=outcome.response_time or 0.0,
            started_at=self.now,
            metrics=outcome.metrics,
            cause=order.cause,
            slot_at=order.slot_at,
            worker="story",
            is_conclusive=outcome.is_conclusive,
        )

    def find(self, order: ProbeOrder) -> Outcome:
        """What the story's world answers a probe."""
        return self.outcomes.get(order.slug, HEALTHY)

    def _carry_reminders(self) -> bool:
        self._remind(self.healthmgr.upkeep.sweep(self.now))
        due = [reminder for reminder in self._reminders if reminder.due_at <= self.now]
        self._reminders = [reminder for reminder in self._reminders if reminder.due_at > self.now]
        for reminder in due:
            try:
                self._remind(self._carry(reminder))
            except Unavailable:
                continue
        return bool(due)

    def _carry(self, due: Due) -> list[Due]:
        match due.work:
            case Work.DISPATCH:
                return self.healthmgr.routing.dispatch(due.key, due.token, self.now)[1]
            case Work.ESCALATION:
                return list(self.healthmgr.escalating.advance(UUID(due.key), due.token, self.now)[1])
            case Work.CALL:
                return self.recovering.consider(UUID(due.key), self.now)
            case Work.RUN:
                return self.recovering.advance(UUID(due.key), due.token, lambda: self.now, lambda claimed: None)
            case Work.NOTIFICATION:
                return self._notifying.send(UUID(due.key), lambda: self.now, lambda claimed: None)

    def _remind(self, dues: list[Due]) -> None:
        if self.carries_messages:
            self._reminders += dues

    def _next_event(self) -> datetime:
        with self.engine.connect() as connection:
            found = connection.execute(_NEXT_EVENT, {"is_probing": self._is_probing}).scalar() or datetime.max.replace(
                tzinfo=UTC
            )
        return min([found, *(reminder.due_at for reminder in self._reminders)])

    def _told(self) -> list[str]:
        return [f"{d.at:%H:%M:%S} {d.via} {d.address}: {d.message.title} ({d.message.reason})" for d in self.deliveries]
