"""The sweep, the day tables and the auditor, on real rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from healthmgr.domain.dispatch import HORIZON, Work
from healthmgr.services.upkeep import Upkeep
from healthmgr.storage.day_tables import DayTables
from healthmgr.storage.dispatch_rows import request_dispatch
from healthmgr.storage.upkeep_repository import UpkeepRepository
from tests.builders import make_check
from tests.stories.conftest import story, story_with
from tests.stories.harness import Story, check

__all__ = ["story", "story_with"]

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def upkeep(engine: Engine) -> Upkeep:
    rows = UpkeepRepository(engine)
    return Upkeep(rows, DayTables(engine, "results", "started_at"), rows)


def request(engine: Engine, group: str, due_at: datetime) -> None:
    with engine.begin() as connection:
        request_dispatch(connection, group, due_at, "test", NOW)


def test_work_is_reminded_of_when_its_message_did_not_come_and_ever_more_patiently(
    upkeep: Upkeep, engine: Engine
) -> None:
    request(engine, "g", NOW)
    assert upkeep.sweep(NOW) == [], "its first message is under way"
    reminded, now = [], NOW
    while len(reminded) < 5:
        now += timedelta(seconds=1)
        if upkeep.sweep(now):
            reminded.append((now - NOW).total_seconds())
    assert reminded == [10, 30, 70, 150, 310]


def test_what_is_due_beyond_the_horizon_is_armed_when_it_enters_it(upkeep: Upkeep, engine: Engine) -> None:
    request(engine, "late", NOW + timedelta(hours=1))
    assert upkeep.sweep(NOW) == []
    enters_at = NOW + timedelta(hours=1) - HORIZON
    (due,) = upkeep.sweep(enters_at)
    assert (due.work, due.key, due.due_at) == (Work.DISPATCH, "late", NOW + timedelta(hours=1))
    assert upkeep.sweep(NOW + timedelta(hours=1)) == [], "its countdown is under way"
    assert upkeep.sweep(NOW + timedelta(hours=1, seconds=10)), "and was lost"


def test_an_earlier_due_time_wins_and_moves_the_token(upkeep: Upkeep, engine: Engine) -> None:
    with engine.begin() as connection:
        first = request_dispatch(connection, "g", NOW + timedelta(minutes=2), "first", NOW)
        second = request_dispatch(connection, "g", NOW + timedelta(minutes=1), "second", NOW)
        third = request_dispatch(connection, "g", NOW + timedelta(minutes=3), "third", NOW)
    assert second.due_at == third.due_at == NOW + timedelta(minutes=1)
    assert first.token < second.token < third.token


def test_two_sweeps_at_once_never_remind_of_the_same_row(upkeep: Upkeep, engine: Engine) -> None:
    for number in range(50):
        request(engine, f"g{number}", NOW)
    later = NOW + timedelta(minutes=1)
    with engine.begin() as one:
        one.execute(text("SELECT 1 FROM dispatches WHERE group_key < 'g3' FOR UPDATE"))
        others = {due.key for due in upkeep.sweep(later)}
    assert others == {f"g{number}" for number in range(50) if f"g{number}" >= "g3"}


def test_the_coming_days_have_tables_and_those_beyond_the_retention_are_dropped(upkeep: Upkeep) -> None:
    upkeep.keep_partitions(NOW, WEEK)
    created, dropped = upkeep.keep_partitions(NOW + timedelta(days=10), WEEK)
    assert (NOW + timedelta(days=17)).date() in created
    assert (NOW - timedelta(days=1)).date() in dropped
    assert upkeep.keep_partitions(NOW + timedelta(days=10), WEEK) == ([], [])
    upkeep.keep_partitions(NOW + timedelta(days=60), timedelta(0))


def test_results_that_came_before_their_days_table_are_moved_into_it(upkeep: Upkeep, engine: Engine) -> None:
    day = datetime(2026, 8, 1, 13, 0, tzinfo=UTC)
    check_id = make_check(engine, "api")
    stored = text("""
        INSERT INTO results (check_id, started_at, sequence, status, message, response_time, metrics, cause, worker)
        VALUES (:check_id, :at, 1, 'healthy', '', 0.1, '{}', 'slot', 'w')
    """)
    with engine.begin() as connection:
        connection.execute(stored, {"check_id": check_id, "at": day})
        connection.execute(stored, {"check_id": check_id, "at": day + timedelta(days=400)})
    upkeep.keep_partitions(day, WEEK)
    with engine.connect() as connection:
        where = connection.execute(text("SELECT tableoid::regclass::text FROM results ORDER BY started_at")).scalars()
        assert list(where) == ["results_20260801", "results_default"]
    upkeep.keep_partitions(day + timedelta(days=30), WEEK)
    with engine.connect() as connection:
        left = connection.execute(text("SELECT started_at FROM results")).scalars().all()
    assert left == [day + timedelta(days=400)], "the day's results went with their table"


def test_the_auditor_is_content_while_all_is_on_time(upkeep: Upkeep, engine: Engine) -> None:
    request(engine, "g", NOW)
    upkeep.queue_depths({"checks": 0}, NOW)
    assert upkeep.audit(NOW + timedelta(seconds=59)) == []


def test_the_auditor_finds_overdue_work_and_queues_that_nobody_consumes(upkeep: Upkeep, engine: Engine) -> None:
    request(engine, "g", NOW)
    upkeep.queue_depths({"checks": 3, "upkeep": 0}, NOW)
    later = NOW + timedelta(seconds=61)
    upkeep.queue_consumed("upkeep", "w@h", later)
    findings = upkeep.audit(later)
    assert findings == [
        "1 dispatches overdue by more than a minute",
        "nothing has consumed queue checks for more than a minute",
    ]
    with engine.connect() as connection:
        detail = connection.execute(text("SELECT detail FROM pulses WHERE kind = 'auditor'")).scalar_one()
    assert detail == {"findings": findings, "since": later.isoformat()}


# ---- What has no row to wait in any more ------------------------------------------------------------


def findings_of(upkeep: Upkeep, now: datetime) -> list[str]:
    return [finding for finding in upkeep.audit(now) if "begun anew" in finding]


def test_a_lost_first_task_is_found_and_its_group_judged(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.carries_messages = False
    story.check_fails("api")
    lose_what_is_due(story, "api")
    upkeep = story.healthmgr.upkeep
    assert findings_of(upkeep, story.now + timedelta(seconds=11)) == [
        "1 open alert that nobody was to be told of, begun anew"
    ]
    story.carries_messages = True
    story.fast_forward(seconds=30)
    story.expect_notification("alice")
    assert findings_of(upkeep, story.now) == [], "it was a finding once"


def lose_what_is_due(story: Story, slug: str) -> None:
    """The check's alert is open, and the row that its group waited in is gone before anybody looked."""
    for _ in range(60):
        story.now += timedelta(seconds=1)
        story._probe_due()
        if story.rows("SELECT 1 FROM alerts WHERE resolved_at IS NULL"):
            break
    with story.engine.begin() as connection:
        assert connection.execute(text("DELETE FROM dispatches")).rowcount == 1


def test_a_lost_last_task_is_found_and_people_are_told_again(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice")
    with story.engine.begin() as connection:
        connection.execute(text("UPDATE incidents SET due_at = NULL, round_at = NULL, climb_at = NULL"))
    story.let_pass(hours=2)
    story.expect_silence()
    found = findings_of(story.healthmgr.upkeep, story.now)
    assert found == ["1 open incident that nothing was due for, begun anew"]
    story.fast_forward(seconds=5)
    story.expect_notification("alice")
    assert findings_of(story.healthmgr.upkeep, story.now) == []


def test_a_lapse_that_was_lost_is_found(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice")
    story.answer("acknowledge", "api", until=story.after(minutes=10))
    with story.engine.begin() as connection:
        connection.execute(text("UPDATE incidents SET due_at = NULL"))
    story.let_pass(minutes=11)
    story.expect_silence()
    assert findings_of(story.healthmgr.upkeep, story.now)
    story.fast_forward(seconds=5)
    assert story.expect_notification("alice").message.reason == "acknowledgement_lapsed"


def test_what_waits_on_purpose_is_not_lost(story: Story) -> None:
    story.given(check("db"), check("api", depends_on=["db"]), check("quiet"), check("known"))
    story.all_is_well()
    story.silence("check=quiet", minutes=90)
    for slug in ("db", "api", "quiet", "known"):
        story.check_fails(slug)
    story.fast_forward(seconds=60)
    story.acknowledge("known")
    for minutes in (1, 10, 60, 180):
        story.let_pass(minutes=minutes)
        assert findings_of(story.healthmgr.upkeep, story.now) == []


# ---- The emergency channel --------------------------------------------------------------------------


def audited(upkeep: Upkeep, engine: Engine, seconds: float) -> datetime:
    """The auditor looks every 15 s for so long, while the same is overdue; the time then."""
    request(engine, "g", NOW - timedelta(minutes=5))
    for step in range(int(seconds // 15) + 1):
        upkeep.audit(NOW + timedelta(seconds=15 * step))
    return NOW + timedelta(seconds=seconds)


def test_what_is_not_repaired_in_time_is_an_alarm_for_one_of_the_beats(upkeep: Upkeep, engine: Engine) -> None:
    now = audited(upkeep, engine, 105)
    assert upkeep.alarm(now) is None, "the sweep has its time"
    now = audited(upkeep, engine, 120)
    alarm = upkeep.alarm(now)
    assert alarm is not None
    assert "1 dispatches overdue" in alarm.text
    assert upkeep.alarm(now) is None, "another beat tells"
    now = audited(upkeep, engine, 120 + 15 * 60)
    assert upkeep.alarm(now) is not None, "a quarter of an hour later again"


def test_an_alarm_that_was_not_taken_is_told_again_and_its_end_too(upkeep: Upkeep, engine: Engine) -> None:
    now = audited(upkeep, engine, 120)
    alarm = upkeep.alarm(now)
    assert alarm is not None
    upkeep.alarm_not_told(alarm)
    assert upkeep.alarm(now) is not None
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM dispatches"))
    upkeep.audit(now + timedelta(seconds=1))
    over = upkeep.alarm(now + timedelta(seconds=1))
    assert over is not None
    assert over.is_over
    upkeep.alarm_not_told(over)
    assert upkeep.alarm(now + timedelta(seconds=2)) == over
    assert upkeep.alarm(now + timedelta(seconds=3)) is None


def test_an_auditor_that_is_silent_is_an_alarm(upkeep: Upkeep) -> None:
    assert upkeep.alarm(NOW) is None, "nothing has ever been looked at"
    upkeep.audit(NOW)
    assert upkeep.alarm(NOW + timedelta(seconds=120)) is None
    alarm = upkeep.alarm(NOW + timedelta(seconds=121))
    assert alarm is not None
    assert "has not looked" in alarm.text


def test_the_auditor_sees_that_every_beat_has_stopped(upkeep: Upkeep) -> None:
    upkeep.pulse("beat", "one", {}, NOW - timedelta(hours=1))
    upkeep.pulse("beat", "two", {}, NOW)
    assert upkeep.audit(NOW + timedelta(seconds=60)) == []
    assert upkeep.audit(NOW + timedelta(seconds=61)) == ["no beat has shown a sign of life for more than a minute"]
