"""What the auditor found reaches the emergency channel, over real HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from pytest_httpserver import HTTPServer
from sqlalchemy import Engine, text

from healthmgr.services.upkeep import Upkeep
from healthmgr.storage.day_tables import DayTables
from healthmgr.storage.dispatch_rows import request_dispatch
from healthmgr.storage.upkeep_repository import UpkeepRepository
from workers.alarms import BEGINS_AFTER, LOOKS_EVERY, Alarms
from workers.emergency import Emergency

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Passing:
    """A beat's time: monotonic seconds and the database's clock, moved together."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def tick(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


def told(server: HTTPServer) -> list[str]:
    return [json.loads(request.data)["type"] for request, _ in server.log]


def overdue(engine: Engine) -> Upkeep:
    rows = UpkeepRepository(engine)
    with engine.begin() as connection:
        request_dispatch(connection, "g", NOW - timedelta(hours=1), "test", NOW)
    return Upkeep(rows, DayTables(engine, "results", "started_at"), rows)


def test_two_beats_tell_one_alarm_and_its_end(httpserver: HTTPServer, engine: Engine) -> None:
    httpserver.expect_request("/", method="POST").respond_with_data("")
    upkeep, time = overdue(engine), Passing()
    beats = [Alarms(upkeep, Emergency(httpserver.url_for("/")), time.now, time.tick) for _ in range(2)]
    while time.seconds < BEGINS_AFTER + LOOKS_EVERY:
        upkeep.audit(time.now())
        for beat in beats:
            beat.look()
        time.seconds += LOOKS_EVERY
    assert told(httpserver) == ["healthmgr.alarm"]
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM dispatches"))
    upkeep.audit(time.now())
    for beat in beats:
        beat.look()
    assert told(httpserver) == ["healthmgr.alarm", "healthmgr.alarm_over"]


def test_what_the_channel_refuses_is_told_at_the_next_look(httpserver: HTTPServer, engine: Engine) -> None:
    httpserver.expect_ordered_request("/", method="POST").respond_with_data("", status=503)
    httpserver.expect_ordered_request("/", method="POST").respond_with_data("")
    upkeep, time = overdue(engine), Passing()
    beat = Alarms(upkeep, Emergency(httpserver.url_for("/")), time.now, time.tick)
    for _ in range(int(BEGINS_AFTER / LOOKS_EVERY) + 3):
        upkeep.audit(time.now())
        beat.look()
        time.seconds += LOOKS_EVERY
    assert told(httpserver) == ["healthmgr.alarm", "healthmgr.alarm"]


def test_a_beat_that_has_just_started_waits_for_the_auditors_first_look(httpserver: HTTPServer, engine: Engine) -> None:
    rows, time = UpkeepRepository(engine), Passing()
    upkeep = Upkeep(rows, DayTables(engine, "results", "started_at"), rows)
    upkeep.audit(NOW - timedelta(days=3))
    beat = Alarms(upkeep, Emergency(httpserver.url_for("/")), time.now, time.tick)
    while time.seconds < BEGINS_AFTER - LOOKS_EVERY:
        beat.look()
        time.seconds += LOOKS_EVERY
    assert told(httpserver) == []
