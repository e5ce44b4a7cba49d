"""Watched metrics over real rows: learned, told once, taken back, nothing counted twice whatever dies in between."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import pi, sin
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.anomaly_watch import Lesson, Watched, restored
from healthmgr.errors import NotFound
from healthmgr.services.sensing import Sensing
from healthmgr.settings import Settings
from healthmgr.storage.sensing_rows import SensingRows
from healthmgr.storage.transactions import Transactions

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
HISTORY = 2000  # steps
LATE = timedelta(minutes=3)

FILE = """version: 1
channels: {post: {kind: loopback}}
recipients: {ops: {contacts: {post: ops}}}
routing: {default: {to: ops, via: post}}
checks:
  shop:
    kind: host
    service: shops
    CHECK
"""


def usual(at: datetime) -> float:
    """A day's rhythm about 0.15 s, with a little noise that is the same whenever it is asked for."""
    noise = random.Random(at.timestamp()).gauss(0, 0.006)
    return 0.15 + 0.03 * sin(2 * pi * (at - START) / timedelta(days=1)) + noise


class World:
    def __init__(self, healthmgr: Healthmgr, engine: Engine, folder: Path) -> None:
        self.healthmgr, self.engine, self.folder, self.now = healthmgr, engine, folder, START
        self.rows = Transactions(engine, SensingRows)
        self.define("anomaly: true")
        healthmgr.measuring.rolling.keep_tables(START)
        self.measured_until = START - HISTORY * STEP

    def define(self, lines: str) -> None:
        path = self.folder / "healthmgr.yaml"
        path.write_text(FILE.replace("CHECK", lines))
        self.healthmgr.defining.apply(path, actor="test", origin="file", now=self.now)

    @property
    def sensing(self) -> Sensing:
        return Sensing(self.rows, is_on=True)

    def execute(self, sql: str, **values: Any) -> list[Any]:
        with self.engine.begin() as connection:
            found = connection.execute(text(sql), values)
            return list(found) if found.returns_rows else []

    def measure(
        self,
        until: datetime,
        value: Callable[[datetime], float] = usual,
        *,
        metric: str = "response_time",
        planned: bool = False,
    ) -> None:
        """One minute of each step, from where measuring has come to."""
        begin = self.measured_until if metric == "response_time" else until - STEP
        steps = int((until - begin) / STEP)
        rows = [{"at": (begin + n * STEP).isoformat(), "value": value(begin + n * STEP)} for n in range(steps)]
        self.execute(
            "INSERT INTO metric_series (check_id, metric) SELECT id, :metric FROM checks ON CONFLICT DO NOTHING",
            metric=metric,
        )
        self.execute(
            "INSERT INTO metric_minutes (series_id, at, is_planned, amount, total, lowest, highest)"
            " SELECT s.id, r.at, :planned, 2, 2 * r.value, r.value, r.value FROM metric_series s,"
            " jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(at timestamptz, value float8) WHERE s.metric = :metric",
            rows=json.dumps(rows),
            planned=planned,
            metric=metric,
        )
        self.measured_until = until if metric == "response_time" else self.measured_until

    def rolled(self) -> None:
        self.healthmgr.measuring.rolling.roll(self.now)

    def look(self, sensing: Sensing | None = None) -> None:
        self.rolled()
        (sensing or self.sensing).look(self.now)

    def learn_the_past(self) -> None:
        self.measure(START)
        self.now = START + LATE
        for _ in range(4):
            self.look()

    def go_on(self, *values: float | None, planned: bool = False, sensing: Sensing | None = None) -> None:
        """A step for each value, looked at when it has settled; None: as usual."""
        for value in values:
            until = self.measured_until + STEP
            self.measure(until, usual if value is None else lambda _, one=value: one, planned=planned)
            self.now = until + LATE
            self.look(sensing)

    def alerts(self) -> list[Any]:
        return self.execute("SELECT * FROM alerts WHERE origin = 'anomaly' ORDER BY opened_at")

    def series(self) -> Any:
        (row,) = self.execute("SELECT * FROM anomaly_series")
        return row

    def known(self) -> Watched:
        with self.rows.begin() as transaction:
            (found,) = transaction.find("shop")
        return found

    def points(self) -> Any:
        (seen,) = self.sensing.of_check("shop", self.now)
        return seen.points


@pytest.fixture
def world(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[World]:
    healthmgr = build(Settings.load({"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path)}))
    yield World(healthmgr, engine, tmp_path)
    healthmgr.close()


def test_a_new_series_learns_what_is_stored_and_tells_nothing_of_it(world):
    world.measure(START - 720 * STEP)
    world.measure(START - 700 * STEP, lambda _: 3.0)
    world.measure(START)
    world.learn_the_past()
    row = world.series()
    assert (row.seen_until, row.is_learning) == (START, False)
    assert len(world.points()) == HISTORY
    assert world.alerts() == []
    assert world.execute("SELECT max(length(points)) AS most FROM anomaly_points")[0].most == 48 * 19


def test_what_is_unlike_its_past_is_told_once_and_taken_back_by_itself(world):
    world.learn_the_past()
    world.go_on(None, 0.812, 0.815)
    assert world.alerts() == []
    world.go_on(0.812, 0.82, 0.81)
    (alert,) = world.alerts()
    assert (alert.severity, alert.name) == ("medium", "Shop: response time is unlike its past")
    assert alert.summary.startswith("response time 812 ms, where 1")
    assert alert.summary.endswith(" ms is usual at this hour")
    assert alert.labels["check"] == "shop"
    assert alert.resolved_at is None
    world.go_on(*[None] * 8)
    (alert,) = world.alerts()
    assert alert.resolution == "as_usual_again"
    assert world.series().told_since is None
    (seen,) = world.sensing.of_check("shop", world.now)
    (happening,) = seen.happenings
    assert happening.alert_id == alert.id
    assert happening.ended_at == alert.resolved_at
    assert set(happening.evidence) >= {"hour"}
    assert [point.is_strange for point in seen.points[HISTORY - 16 + 1 :]].count(True) >= 3


def test_a_severity_that_is_written_holds(world):
    world.define("anomaly: {severity: high}")
    world.learn_the_past()
    world.go_on(0.8, 0.8, 0.8)
    assert [alert.severity for alert in world.alerts()] == ["high"]


def test_only_settled_steps_are_looked_at(world):
    world.learn_the_past()
    world.measure(START + STEP)
    world.now = START + STEP + timedelta(minutes=1)
    world.execute("UPDATE anomaly_series SET due_at = :now", now=world.now)
    world.look()
    assert world.series().seen_until == START
    world.now = START + STEP + LATE
    world.look()
    assert world.series().seen_until == START + STEP


class Dying:
    """A store whose transactions are lost at their end, the way a worker dies before it commits."""

    def __init__(self, rows: Transactions[SensingRows], after: int) -> None:
        self._rows, self._after = rows, after

    def begin(self) -> Any:
        self._after -= 1
        return self._rows.begin() if self._after >= 0 else _Lost(self._rows)


class _Lost:
    def __init__(self, rows: Transactions[SensingRows]) -> None:
        self._context = rows.begin()

    def __enter__(self) -> SensingRows:
        return self._context.__enter__()

    def __exit__(self, *_: object) -> None:
        lost = RuntimeError("the worker died")
        self._context.__exit__(RuntimeError, lost, lost.__traceback__)
        raise lost


@pytest.mark.parametrize("after", [2, 3, 4, 5])
def test_a_worker_that_dies_counts_nothing_twice_and_passes_nothing_over(world, after):
    """Dies while it claims, reads, keeps quiet looks, or tells; what the next one does is what it would have done."""
    world.learn_the_past()
    world.go_on(0.8, 0.8)
    before = world.series()
    until = world.measured_until + STEP
    world.measure(until, lambda _: 0.8)
    world.now = until + LATE
    with pytest.raises(RuntimeError, match="the worker died"):
        world.look(Sensing(Dying(world.rows, after), is_on=True))
    lost = world.series()
    assert (lost.state, lost.seen_until, lost.told_since) == (before.state, before.seen_until, before.told_since)
    assert world.alerts() == []
    world.now += timedelta(minutes=2, seconds=1)
    world.look()
    assert len(world.alerts()) == 1
    assert world.series().seen_until == until
    assert [point.at for point in world.points()][-3:] == [until - 3 * STEP, until - 2 * STEP, until - STEP]
    assert len({point.at for point in world.points()}) == len(world.points())


def test_one_who_looks_too_late_keeps_nothing(world):
    world.learn_the_past()
    world.measure(START + STEP)
    world.now = START + STEP + LATE
    world.rolled()
    with world.rows.begin() as transaction:
        (slow,) = transaction.claim(world.now, world.now + timedelta(minutes=2), 10)
    world.now += timedelta(minutes=3)
    world.look()
    known = world.series()
    late = Sensing(world.rows, is_on=True)
    late._look_at([slow], START + STEP, world.now)
    assert world.series() == known


def test_two_workers_do_not_take_the_same_look(world):
    world.learn_the_past()
    now = world.now + STEP
    with world.rows.begin() as first, world.rows.begin() as second:
        assert len(first.claim(now, now + STEP, 10)) == 1
        assert second.claim(now, now + STEP, 10) == []


def test_restarts_forget_nothing(world):
    """Every look is by a new service over the rows alone: the state is that of one detector that saw it all."""
    world.learn_the_past()
    world.go_on(*[None] * 5, 0.5, *[None] * 5)
    kept_watched = world.known()
    fresh = restored(kept_watched).to_state()
    world.execute("DELETE FROM anomaly_series")
    for _ in range(6):
        world.look()
    again = world.known()
    assert again.seen_until == kept_watched.seen_until
    assert fresh["detector"]["seen"] >= HISTORY
    assert restored(again).to_state()["detector"]["level"] == pytest.approx(fresh["detector"]["level"])


def test_what_is_measured_in_maintenance_teaches_nothing_and_tells_nobody(world):
    world.learn_the_past()
    state = restored(world.known()).to_state()
    world.go_on(*[0.9] * 6, planned=True)
    assert world.alerts() == []
    assert restored(world.known()).to_state() == state
    assert [point.lesson for point in world.points()[-6:]] == [Lesson.PLANNED] * 6


def test_a_told_anomaly_lasts_through_maintenance(world):
    world.learn_the_past()
    world.go_on(0.8, 0.8, 0.8)
    world.go_on(*[0.15] * 6, planned=True)
    assert world.alerts()[0].resolved_at is None
    world.go_on(*[None] * 14)
    assert world.alerts()[0].resolution == "as_usual_again"


def transition(world: World, at: datetime, status: str) -> None:
    world.execute(
        "INSERT INTO transitions (id, check_id, at, sequence, old_status, new_status, is_hard, attempt, reason,"
        " message) SELECT gen_random_uuid(), id, :at, 1, 'healthy', :status, true, 3, 'hard_change', '' FROM checks",
        at=at,
        status=status,
    )


def test_an_outage_that_is_told_teaches_nothing(world):
    world.learn_the_past()
    state = restored(world.known()).to_state()
    transition(world, START + timedelta(seconds=40), "unhealthy")
    world.go_on(*[0.9] * 5)
    assert world.alerts() == []
    assert restored(world.known()).to_state() == state
    transition(world, world.measured_until + timedelta(seconds=1), "healthy")
    world.go_on(None, None, None)
    assert [point.lesson.value for point in world.points()[-4:]] == ["check_is_bad"] * 2 + ["learned"] * 2


def test_what_the_monitor_could_not_tell_teaches_nothing(world):
    world.learn_the_past()
    state = restored(world.known()).to_state()
    world.measure(START + STEP, lambda _: 3.0, metric="(status)")
    world.go_on(0.9)
    assert world.points()[-1].lesson is Lesson.DOUBTED
    assert restored(world.known()).to_state() == state


def mark(world: World, alert_id: Any) -> None:
    world.healthmgr.promising.mark_false(alert_id, why="a sale", actor="ann", origin="test", now=world.now)


def test_a_false_alarm_that_is_marked_teaches_the_detector_once(world):
    world.learn_the_past()
    world.go_on(0.4, 0.4, 0.4)
    (alert,) = world.alerts()
    mark(world, alert.id)
    untaught = world.series().state
    world.look()
    (alert,) = world.alerts()
    assert alert.resolution == "marked_false"
    taught = world.series()
    assert taught.state != untaught
    assert taught.told_since is None
    mark(world, alert.id)
    world.look()
    assert world.series().state == taught.state
    world.go_on(*[None] * 150, 0.4, 0.4, 0.4, 0.4)
    assert len(world.alerts()) == 1


def test_without_the_mark_the_like_is_told_again(world):
    world.learn_the_past()
    world.go_on(0.4, 0.4, 0.4)
    world.go_on(*[None] * 150, 0.4, 0.4, 0.4, 0.4)
    assert len(world.alerts()) == 2


def test_a_mark_after_the_end_teaches_as_well(world):
    world.learn_the_past()
    world.go_on(0.4, 0.4, 0.4, *[None] * 8)
    (alert,) = world.alerts()
    assert alert.resolution == "as_usual_again"
    mark(world, alert.id)
    world.go_on(*[None] * 142, 0.4, 0.4, 0.4, 0.4)
    assert len(world.alerts()) == 1
    assert world.execute("SELECT is_taught FROM anomaly_happenings")[0].is_taught


def test_a_mark_makes_void_a_look_that_has_begun(world):
    world.learn_the_past()
    world.go_on(0.4, 0.4, 0.4)
    world.measure(world.measured_until + STEP, lambda _: 0.4)
    world.now = world.measured_until + LATE
    world.rolled()
    with world.rows.begin() as transaction:
        claimed = transaction.claim(world.now, world.now + timedelta(minutes=2), 10)
    mark(world, world.alerts()[0].id)
    world.sensing._learn_marks(world.now)
    taught = world.series()
    world.sensing._look_at(claimed, world.measured_until, world.now)
    assert world.series() == taught


def test_an_alert_that_a_person_closed_stays_closed(world):
    world.learn_the_past()
    world.go_on(0.8, 0.8, 0.8)
    (alert,) = world.alerts()
    world.healthmgr.responding.resolve(alert.id, actor="ann", origin="test", now=world.now)
    world.go_on(0.8, 0.8, 0.8)
    assert len(world.alerts()) == 1


def test_what_is_defined_no_more_is_taken_back_and_forgotten(world):
    world.learn_the_past()
    world.go_on(0.8, 0.8, 0.8)
    world.define("anomaly: false")
    world.look()
    assert world.alerts()[0].resolution == "not_watched_any_more"
    assert world.execute("SELECT 1 FROM anomaly_series") == []
    assert world.execute("SELECT 1 FROM anomaly_points") == []


def test_another_step_begins_anew(world):
    world.learn_the_past()
    world.define("anomaly: {step: 10m}")
    world.execute("UPDATE anomaly_series SET due_at = :now", now=world.now)
    for _ in range(3):
        world.look()
    points = world.points()
    assert {later.at - earlier.at for earlier, later in pairwise(points)} == {2 * STEP}
    assert world.series().step == 2 * STEP


def test_a_state_that_cannot_be_read_begins_anew_and_stops_nobody(world):
    world.learn_the_past()
    world.execute("UPDATE anomaly_series SET state = 'rubbish'")
    world.go_on(None)
    assert world.series().seen_until == START + STEP
    assert world.series().is_learning


def test_switched_off_nothing_is_looked_at(world):
    assert Sensing(world.rows, is_on=False).look(world.now) == []
    assert world.execute("SELECT 1 FROM anomaly_series") == []


def test_old_points_go(world):
    world.learn_the_past()
    world.now += timedelta(days=8)
    world.look()
    assert world.execute("SELECT 1 FROM anomaly_points") == []


def test_who_asks_for_what_is_not_watched_is_told_what_is(world):
    world.look()
    with pytest.raises(NotFound, match="those that are: response_time"):
        world.sensing.of_check("shop", world.now, "load")
    with pytest.raises(NotFound, match="no check 'shp'"):
        world.sensing.of_check("shp", world.now)
