"""The life of alerts and notifications, lived at random: whatever is lost, doubled or late, nobody is left untold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Status
from healthmgr.errors import Conflict
from tests.invariants.world import CHECKS, World

# Backoff, leases, the interval of a group and its next look are over in this time; a repeat is not yet due.
LONG_ENOUGH = 45  # minutes

_UNTOLD = """
SELECT c.slug, a.severity, i.number, i.acknowledged_at FROM alerts a JOIN checks c ON c.id = a.check_id
LEFT JOIN incidents i ON i.id = a.incident_id
WHERE a.resolved_at IS NULL AND a.acknowledged_at IS NULL AND a.suppressed_by_id IS NULL
  AND NOT EXISTS (
      SELECT 1 FROM silences s WHERE s.starts_at <= :now AND s.ends_at > :now
        AND s.matchers->0->>'value' = c.slug
  )
  AND NOT EXISTS (
      SELECT 1 FROM notifications n
      WHERE n.incident_id = a.incident_id AND n.state = 'sent' AND n.content->'firing' ? CAST(a.id AS text)
  )
"""

_OVERDUE = """
SELECT 'dispatch' AS what, reason FROM dispatches WHERE due_at < :now
UNION ALL SELECT 'incident', held_reason FROM incidents WHERE due_at < :now
UNION ALL SELECT state, kind || ' ' || state_reason FROM notifications
    WHERE state IN ('pending', 'sending') AND (due_at IS NULL OR due_at < :now)
"""

_EMPTY_INCIDENTS = """
SELECT number FROM incidents i WHERE resolved_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM alerts a WHERE a.incident_id = i.id AND a.resolved_at IS NULL AND a.suppressed_by_id IS NULL
)
"""

_DOUBLE = """
SELECT fingerprint FROM alerts WHERE resolved_at IS NULL GROUP BY fingerprint HAVING count(*) > 1
UNION ALL
SELECT group_key FROM incidents WHERE resolved_at IS NULL GROUP BY group_key HAVING count(*) > 1
UNION ALL
SELECT 'notification' FROM notifications
GROUP BY incident_id, episode, level, round, kind, recipient, channel HAVING count(*) > 1
"""

_PLACES = "SELECT id, position, incident_id, recipient, channel, kind FROM notifications"

checks = st.sampled_from(CHECKS)
PROBES = st.tuples(
    st.just("probe"),
    checks,
    st.sampled_from([Status.UNHEALTHY, Status.UNHEALTHY, Status.DEGRADED, Status.HEALTHY]),
    st.sampled_from([0, 0.3, 5, 31, 301, 1900, 15_000]),
)
MOODS = st.tuples(
    st.just("change_mood"),
    st.sampled_from(["alice", "alice", "bob"]),
    st.sampled_from(["works", "away", "refuses", "dies", "is answered"]),
)
MISHAPS = st.tuples(
    st.just("carry"),
    st.sampled_from(
        [
            "all, as it should be",
            "all, as it should be",
            "a beat looks",
            "one, in any order",
            "one, and again later",
            "one is lost",
            "all are lost",
        ]
    ),
    st.integers(0, 1000),
    st.sampled_from([0, 0.4, 7, 46, 320]),
)
ANSWERS = st.tuples(
    st.just("answer"),
    st.sampled_from(
        [
            "acknowledge alert",
            "unacknowledge alert",
            "resolve alert",
            "acknowledge incident",
            "unacknowledge incident",
            "resolve incident",
            "silence",
            "expire",
        ]
    ),
    checks,
    st.sampled_from([None, 3, 10, 400]),
)

_OPEN_ALERT = "SELECT id FROM alerts WHERE check_id = :id AND resolved_at IS NULL"
_INCIDENTS = "SELECT DISTINCT incident_id FROM alerts WHERE check_id = :id AND incident_id IS NOT NULL"


class Life(RuleBasedStateMachine):
    """Everything that can happen to alerts, in any order."""

    make: Callable[[], World]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make()

    @initialize(slugs=st.sets(checks, min_size=1), seconds=st.sampled_from([40, 40, 40, 0]))
    def something_is_broken(self, slugs: set[str], seconds: float) -> None:
        for slug in sorted(slugs):
            self.world.finds(slug, Status.UNHEALTHY)
        self.world.carry_on(timedelta(seconds=seconds))

    # One rule, for the machine leaves whole rules out at random, and a life without any of these shows little.
    @rule(event=st.one_of(PROBES, PROBES, MOODS, MISHAPS, MISHAPS, MISHAPS, ANSWERS, ANSWERS))
    def something_happens(self, event: tuple[str, ...]) -> None:
        getattr(self, event[0])(*event[1:])

    def probe(self, slug: str, status: Status, seconds: float) -> None:
        self.world.now += timedelta(seconds=seconds)
        self.world.finds(slug, status)

    def change_mood(self, who: str, mood: str) -> None:
        self.world.moods[who] = mood

    def carry(self, what: str, number: int, seconds: float) -> None:
        world = self.world
        world.now += timedelta(seconds=seconds)
        match what:
            case "one, in any order" | "one, and again later" if world.bag:
                due = world.bag[number % len(world.bag)]
                if world.carry(due) and what == "one, in any order":
                    world.bag.remove(due)
            case "one is lost" if world.bag:
                world.bag.pop(number % len(world.bag))
            case "all are lost":
                world.bag.clear()
            case "a beat looks":
                world.sweep()
            case "all, as it should be":
                world.carry_on(timedelta(seconds=number % 400))

    def answer(self, verb: str, slug: str, minutes: float | None) -> None:
        until = None if minutes is None else self.world.after(minutes=minutes)
        match verb.split():
            case ["silence"]:
                self.world.silence(f"check={slug}", minutes=minutes or 60)
            case ["expire"]:
                query = "SELECT id FROM silences WHERE ends_at > :now ORDER BY id LIMIT 1"
                for (silence_id,) in self.world.rows(query, now=self.world.now):
                    self.world.expire(silence_id)
            case [word, "alert"]:
                self._act(self.world.healthmgr.responding, word, _OPEN_ALERT, slug, until)
            case [word, "incident"]:
                self._act(self.world.healthmgr.answering, word, _INCIDENTS, slug, until)

    def _act(self, service: object, word: str, query: str, slug: str, until: datetime | None) -> None:
        timed = {"until": until} if word == "acknowledge" else {}
        for (row_id,) in self.world.rows(query, id=self.world.ids[slug]):
            try:
                act = getattr(service, word)
                self.world.bag += act(row_id, actor="alice", origin="cli", now=self.world.now, **timed) or []
            except Conflict:
                continue

    # ---- What always holds -----------------------------------------------------------------------

    @invariant()
    def nothing_is_begun_that_somebody_has_in_hand(self) -> None:
        assert self.world.faults == []

    @invariant()
    def a_message_is_sent_twice_only_where_a_worker_died_with_it(self) -> None:
        twice = {each for each in self.world.sent if self.world.sent.count(each) > 1}
        assert twice <= self.world.died_with

    @invariant()
    def messages_to_one_destination_keep_their_order(self) -> None:
        places = {row.id: row for row in self.world.rows(_PLACES)}
        last: dict[tuple[object, ...], int] = {}
        for notification_id in self.world.sent:
            row = places[notification_id]
            destination = (row.incident_id, row.recipient, row.channel)
            assert row.position >= last.get(destination, 0), f"a {row.kind} was overtaken"
            last[destination] = row.position

    def teardown(self) -> None:
        """However it came: once everything due is settled, nobody is untold and nothing waits for ever."""
        world = self.world
        world.settle(LONG_ENOUGH)
        assert world.faults == []
        assert world.rows(_DOUBLE) == []
        assert world.rows(_UNTOLD, now=world.now) == []
        assert world.rows(_OVERDUE, now=world.now) == []
        assert world.rows(_EMPTY_INCIDENTS) == []
        self.messages_to_one_destination_keep_their_order()


@pytest.mark.parametrize("examples", [20])
def test_whatever_is_lost_doubled_or_late_nobody_is_left_untold(
    healthmgr: Healthmgr, engine: Engine, examples: int
) -> None:
    class LifeHere(Life):
        make = staticmethod(lambda: World(healthmgr, engine))

    run_state_machine_as_test(
        LifeHere,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
