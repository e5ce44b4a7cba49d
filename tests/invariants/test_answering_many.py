"""An answer to many incidents at once, while they climb, are judged anew and are taken back: never half an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Status
from healthmgr.domain.dispatch import Work
from healthmgr.domain.matcher import Matcher, Operator
from healthmgr.domain.result import Result
from healthmgr.errors import Conflict
from tests.builders import NOW

INCIDENTS = 40
SECONDS = 4.0

# Told of in one glance: whoever looks in the middle of anything sees all of an answer, or nothing of it.
_HALF = text("""
SELECT i.number FROM incidents i
WHERE i.resolved_at IS NULL AND i.acknowledged_at IS NOT NULL AND (
    i.acknowledged_by IS NULL OR i.due_at IS NOT NULL OR i.climb_at IS NOT NULL OR i.round_at IS NOT NULL
    OR EXISTS (SELECT 1 FROM alerts a WHERE a.incident_id = i.id AND a.resolved_at IS NULL
               AND a.told_at IS NOT NULL AND a.acknowledged_at IS NULL)
    OR EXISTS (SELECT 1 FROM notifications n WHERE n.incident_id = i.id AND n.kind = 'problem' AND n.state = 'pending')
)
""")

# What an answer to all has to be to: it may be over by then, or begun anew, but not be left out.
_UNANSWERED = """
SELECT DISTINCT i.id, i.episode FROM incidents i JOIN alerts a ON a.incident_id = i.id
WHERE i.resolved_at IS NULL AND i.acknowledged_at IS NULL AND a.resolved_at IS NULL
"""


def definitions() -> dict[str, Any]:
    """Checks that each make an incident of their own, and a policy of which a level is due every minute."""
    hook = {"url": "http://127.0.0.1:9/", "secret": "whsec_" + "a" * 32}
    target = {"host": "127.0.0.1", "port": 1}
    check = {"kind": "tcp", "config": target, "severity": "critical", "max_attempts": 1, "detect_flapping": False}
    return {
        "version": 1,
        "channels": {"hook": {"kind": "webhook", "config": hook}},
        "people": {name: {"contacts": [{"via": "hook"}]} for name in ("alice", "bob")},
        "escalation_policies": {"quick": {"levels": [{"to": "alice"}, {"to": "bob", "after": "1m"}], "repeat": 50}},
        "routing": {
            "routes": [{"matchers": ["severity=critical"], "escalation": "quick", "group_wait": "0s"}],
            "default": {"to": ["alice"], "via": ["hook"], "group_by": ["check"]},
        },
        "checks": {f"shop-{n}": check for n in range(INCIDENTS)},
    }


@dataclass
class Storm:
    """All at once, until it is enough; whatever goes wrong in a thread goes wrong in the test."""

    healthmgr: Healthmgr
    engine: Engine
    minutes: count[int] = field(default_factory=lambda: count(1))
    sequences: count[int] = field(default_factory=lambda: count(1))
    is_over: threading.Event = field(default_factory=threading.Event)
    seen: int = 0
    answered: int = 0
    taken_back: int = 0

    def rows(self, sql: str) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql)))

    def later(self) -> datetime:
        return NOW + timedelta(minutes=next(self.minutes))

    def begin(self) -> None:
        """Everything breaks, and the first level is told."""
        self.judge()
        for due in self.healthmgr.upkeep.sweep(NOW + timedelta(seconds=30)):
            assert due.work is Work.DISPATCH
            self.healthmgr.routing.dispatch(due.key, due.token, NOW + timedelta(seconds=30))
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE notifications SET state = 'sent', attempts = 1, due_at = NULL"))

    def judge(self, now: datetime = NOW + timedelta(seconds=20), every: int = 0) -> None:
        """Every check is found down again, but for one in `every` that is well again, by one batch of results."""
        sequence = next(self.sequences)
        ids = [row.id for row in self.rows("SELECT id FROM checks ORDER BY id DESC")]
        said = f"probe {sequence}"
        results = []
        for n, check_id in enumerate(ids):
            status = Status.HEALTHY if every and n % every == sequence % every else Status.UNHEALTHY
            results.append(Result(check_id, sequence, status, said, 0.1, now, worker="test"))
        self.healthmgr.evaluating.evaluate(results, now)

    def waver(self) -> None:
        """Some are well again, and some of those are not any more."""
        self.judge(self.later(), every=4)

    def dispatch(self) -> None:
        """Incidents end, begin, and begin again."""
        for row in self.rows("SELECT group_key, token FROM dispatches ORDER BY random() LIMIT 10"):
            self.healthmgr.routing.dispatch(row.group_key, row.token, self.later())

    def climb(self) -> None:
        """Whatever is due is carried out, as reminders would have it."""
        for row in self.rows("SELECT id, token FROM incidents WHERE due_at IS NOT NULL ORDER BY random() LIMIT 10"):
            self.healthmgr.escalating.advance(row.id, row.token, self.later())

    def answer(self) -> None:
        """Somebody takes all of it in hand."""
        before = {(row.id, row.episode) for row in self.rows(_UNANSWERED)}
        now = self.later()
        self.answered += len(self.healthmgr.answering_many.acknowledge([], actor="alice", origin="cli", now=now))
        self.seen += len(before)
        assert not before & {(row.id, row.episode) for row in self.rows(_UNANSWERED)}, "none is left out"

    def take_back(self) -> None:
        """Not me after all, for some of them."""
        for row in self.rows("SELECT id FROM incidents WHERE acknowledged_at IS NOT NULL ORDER BY random() LIMIT 10"):
            try:
                self.healthmgr.answering.unacknowledge(row.id, actor="bob", origin="cli", now=self.later())
            except Conflict:
                continue  # another was quicker
            self.taken_back += 1

    def look(self) -> None:
        """Nobody ever sees half an answer."""
        with self.engine.connect() as connection:
            assert connection.execute(_HALF).all() == []

    def repeat(self, act: Callable[[], None]) -> None:
        try:
            while not self.is_over.is_set():
                act()
        finally:
            self.is_over.set()


@pytest.fixture
def storm(healthmgr: Healthmgr, engine: Engine, tmp_path: Path) -> Storm:
    path = tmp_path / "storm.yaml"
    path.write_text(yaml.safe_dump(definitions()))
    healthmgr.defining.apply(path, actor="test", origin="file", now=NOW)
    storm = Storm(healthmgr, engine)
    storm.begin()
    return storm


def test_many_answered_at_once_are_never_answered_by_half_whatever_happens_beside_it(
    healthmgr: Healthmgr, storm: Storm
) -> None:
    assert storm.rows("SELECT count(*) FROM incidents") == [(INCIDENTS,)]
    acts = [storm.answer, storm.answer, storm.climb, storm.take_back, storm.waver, storm.dispatch, storm.look]
    started = time.monotonic()
    with ThreadPoolExecutor(len(acts)) as threads:
        running = [threads.submit(storm.repeat, act) for act in acts]
        storm.is_over.wait(SECONDS)
        storm.is_over.set()
        for each in running:
            each.result()
    assert time.monotonic() - started >= SECONDS, "nothing ended it before its time"
    assert storm.seen > INCIDENTS
    assert storm.answered > INCIDENTS
    assert storm.taken_back > 0
    healthmgr.answering_many.acknowledge([], actor="carol", origin="cli", now=storm.later())
    storm.look()
    assert storm.rows(_UNANSWERED) == []


def test_those_who_hear_of_answers_are_told_once_for_each_incident_in_the_same_call(storm: Storm) -> None:
    told = "SELECT count(DISTINCT incident_id), count(*), max(actor) FROM notifications WHERE kind = 'acknowledgement'"
    assert storm.rows(told) == [(0, 0, None)]
    storm.answer()
    assert storm.rows(told) == [(INCIDENTS, INCIDENTS, "alice")]
    contents = "SELECT DISTINCT jsonb_array_length(content->'firing'), state, due_at IS NULL FROM notifications"
    assert storm.rows(f"{contents} WHERE kind = 'acknowledgement'") == [(1, "pending", False)]
    storm.answer()
    assert storm.rows(told) == [(INCIDENTS, INCIDENTS, "alice")]


def test_an_incident_that_nobody_has_is_answered_also_where_somebody_has_each_alert_that_is_left(
    healthmgr: Healthmgr, engine: Engine, storm: Storm
) -> None:
    """Of its alerts one was answered and the others are over: the next level is due all the same until it is told."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alerts SET acknowledged_at = :now, acknowledged_by = 'bob'"), {"now": NOW})
    by_alert = [Matcher("check", Operator.EQUAL, "shop-7")]
    assert healthmgr.answering_many.count(by_alert) == 1
    assert healthmgr.answering_many.acknowledge(by_alert, actor="alice", origin="cli", now=storm.later())
    (one,) = storm.rows("SELECT id FROM incidents WHERE acknowledged_at IS NULL ORDER BY number LIMIT 1")
    healthmgr.answering.acknowledge(one.id, actor="alice", origin="cli", now=storm.later())
    storm.answer()
    assert storm.answered == INCIDENTS - 2
    storm.look()
    assert storm.rows(_UNANSWERED) == []
