"""Forecasts over real rows: told once, renewed, taken back, and taken over by what they foretold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.forecast import Measured
from healthmgr.errors import NotFound
from healthmgr.services.admitting import Admitting
from healthmgr.services.predicting import Predicting
from healthmgr.settings import Settings
from healthmgr.storage.admitting_rows import AdmittingRows
from healthmgr.storage.predicting_rows import PredictingRows
from healthmgr.storage.transactions import Transactions

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LOOK = timedelta(minutes=5)
HOUR = timedelta(hours=1)

FILE = """version: 1
channels: {post: {kind: loopback}}
recipients: {ops: {contacts: {post: ops}}}
routing: {default: {to: ops, via: post}}
checks:
  disk:
    kind: host
    service: files
    thresholds: {critical: {disk_usage: "> 95%"}}
    FORECAST
"""


class Played:
    """Measurements as a function of time."""

    def __init__(self, value: Callable[[datetime], float]) -> None:
        self.value = value

    def read(
        self, check_id: Any, metric: str, begin: datetime, end: datetime, step: timedelta, now: datetime
    ) -> Measured:
        count = int((end - begin) / step)
        return [(begin + step * index, self.value(begin + step * index)) for index in range(count)]


def filling(at: datetime) -> float:
    """95 % are passed at 18:00."""
    return 86.0 + (at - START) / HOUR


class World:
    def __init__(self, healthmgr: Healthmgr, engine: Engine, folder: Path) -> None:
        self.healthmgr, self.engine, self.folder, self.now = healthmgr, engine, folder, START
        self.played = Played(filling)
        self.define("forecast: {disk_usage: {severity: medium}}")

    def define(self, forecast: str) -> None:
        path = self.folder / "healthmgr.yaml"
        path.write_text(FILE.replace("FORECAST", forecast))
        self.healthmgr.defining.apply(path, actor="test", origin="file", now=self.now)

    def predicting(self, *, is_on: bool = True) -> Predicting:
        admitting = Admitting(Transactions(self.engine, AdmittingRows))
        return Predicting(Transactions(self.engine, PredictingRows), self.played, admitting, is_on=is_on)

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.predicting().look_ahead(self.now)
            self.now += LOOK

    def rows(self, sql: str) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql)))

    def alert(self) -> Any:
        (row,) = self.rows("SELECT * FROM alerts WHERE origin = 'forecast'")
        return row

    def breach(self) -> None:
        """The check itself finds the disk full."""
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO alerts (id, fingerprint, check_id, group_key, labels, severity, status, summary,"
                    " opened_at, updated_at) SELECT gen_random_uuid(), 'f', id, 'g', '{}', 'high', 'unhealthy', 'full',"
                    " :now, :now FROM checks"
                ),
                {"now": self.now},
            )


@pytest.fixture
def world(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[World]:
    healthmgr = build(Settings.load({"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path)}))
    yield World(healthmgr, engine, tmp_path)
    healthmgr.close()


def test_what_will_be_crossed_is_told_at_the_second_look(world):
    world.look()
    assert world.rows("SELECT 1 FROM alerts") == []
    world.look()
    alert = world.alert()
    assert (alert.severity, alert.check_id, alert.resolved_at) == ("medium", None, None)
    assert alert.summary == "disk_usage will pass 95% in 8 h 55 min (at 18:00 UTC)"
    assert alert.labels["check"] == "disk"
    assert alert.labels["service"] == "files"
    assert alert.labels["forecast"] == "disk_usage"
    assert "rises by 1 an hour" in alert.annotations["description"]
    assert len(world.rows("SELECT 1 FROM dispatches")) == 1


def test_it_is_renewed_and_not_told_anew(world):
    world.look(2)
    world.rows("SELECT 1")
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM dispatches"))
    world.look(6)
    assert world.alert().summary == "disk_usage will pass 95% in 8 h 25 min (at 18:00 UTC)"
    assert world.rows("SELECT 1 FROM dispatches") == []
    (row,) = world.rows("SELECT * FROM forecasts")
    assert (row.seen, row.told, row.is_told) == ("will_cross", "still_will_cross", True)


def test_between_two_looks_nothing_is_done(world):
    world.look()
    world.now = START + LOOK / 2
    world.look()
    (row,) = world.rows("SELECT * FROM forecasts")
    assert row.looked_at == START


def test_it_is_taken_back_once_the_trend_has_turned(world):
    world.look(2)
    world.played.value = lambda at: 40.0
    world.look(2)
    assert world.alert().resolved_at is None
    world.look()
    assert (world.alert().resolution, world.alert().resolved_by) == ("trend_turned", None)


def test_a_cleaned_disk_takes_it_back(world):
    world.look(2)
    cleaned = world.now
    world.played.value = lambda at: filling(at) - (50 if at >= cleaned else 0)
    world.look(5)
    assert (world.alert().resolution, world.alert().resolved_at) == ("trend_turned", cleaned + 3 * LOOK)


def test_a_breach_takes_the_alert_over_at_once_and_bears_its_words(world):
    world.look(2)
    world.breach()
    world.now -= LOOK - timedelta(seconds=15)
    world.look()
    alert = world.alert()
    assert (alert.resolution, alert.summary) == (
        "taken_over_by_the_breach",
        "disk_usage will pass 95% in 8 h 55 min (at 18:00 UTC)",
    )
    (own,) = world.rows("SELECT annotations FROM alerts WHERE check_id IS NOT NULL")
    assert own.annotations["foretold"] == "disk_usage will pass 95% in 8 h 55 min (at 18:00 UTC)"
    world.look(4)
    assert len(world.rows("SELECT 1 FROM alerts")) == 2
    (row,) = world.rows("SELECT told, is_told FROM forecasts")
    assert (row.told, row.is_told) == ("taken_over_by_the_breach", False)


def test_while_it_is_breached_nothing_is_foretold(world):
    world.breach()
    world.look(4)
    assert world.rows("SELECT 1 FROM alerts WHERE origin = 'forecast'") == []


def test_what_is_defined_no_more_is_taken_back(world):
    world.look(2)
    world.define("forecast: {}")
    world.look()
    assert world.alert().resolution == "trend_turned"
    assert world.rows("SELECT 1 FROM forecasts") == []


def test_a_look_that_is_lost_after_telling_is_repeated_and_tells_nothing_twice(world):
    world.look(2)
    with world.engine.begin() as connection:
        connection.execute(
            text("UPDATE forecasts SET is_told = false, crossing = 1, due_at = :now"), {"now": world.now}
        )
    world.look()
    assert len(world.rows("SELECT 1 FROM alerts")) == 1


def test_two_workers_do_not_take_the_same_look(world):
    rows = Transactions(world.engine, PredictingRows)
    with rows.begin() as first:
        first.arrange(world.now)
    with rows.begin() as first, rows.begin() as second:
        assert len(first.claim(world.now, 10)) == 1
        assert second.claim(world.now, 10) == []
    with rows.begin() as third:
        assert third.claim(world.now, 10) == []


def test_switched_off_nothing_is_looked_at(world):
    assert world.predicting(is_on=False).look_ahead(world.now) == []
    assert world.rows("SELECT 1 FROM forecasts") == []


def test_a_person_who_asks_sees_what_is_to_be_expected_now(world):
    world.look()
    ((foreseen, forecast, points),) = world.predicting().of_check("disk", world.now)
    assert foreseen.rule.metric == "disk_usage"
    assert forecast.crosses_at == START + 9 * HOUR
    assert len(points) == 72
    with pytest.raises(NotFound, match="no check 'dsk'"):
        world.predicting().of_check("dsk", world.now)


def test_the_series_of_rollups_is_read_without_planned_work(world):
    """The real reader: minutes that were rolled up, some of them in a maintenance window."""
    with world.engine.begin() as connection:
        series = connection.execute(
            text("INSERT INTO metric_series (check_id, metric) SELECT id, 'disk_usage' FROM checks RETURNING id")
        ).scalar_one()
        for minute in range(360):
            at = START - timedelta(minutes=360 - minute)
            is_planned = 100 <= minute < 160
            value = 5.0 if is_planned else filling(at)
            connection.execute(
                text(
                    "INSERT INTO metric_minutes (series_id, at, is_planned, amount, total, lowest, highest)"
                    " VALUES (:series, :at, :planned, 2, 2 * CAST(:value AS float), :value, :value)"
                ),
                {"series": series, "at": at, "planned": is_planned, "value": value},
            )
    predicting = world.healthmgr.insight.predicting
    predicting.look_ahead(START)
    ((_, forecast, points),) = predicting.of_check("disk", START)
    assert forecast.seen == "will_cross"
    assert abs(forecast.crosses_at - (START + 9 * HOUR)) < timedelta(minutes=10)
    assert len(points) == 60
    assert min(value for _, value in points) > 75
