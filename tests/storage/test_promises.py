"""The facts behind the promises, on rows: the auditor's minutes, marks, candidates and repairs."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, insert, select

from healthmgr.domain.promises import Facts, PromiseName, figures, said
from healthmgr.errors import Conflict, DefinitionError, NotFound
from healthmgr.services.admitting import Admitting
from healthmgr.services.promising import Promising
from healthmgr.services.upkeep import Upkeep
from healthmgr.storage.admitting_rows import AdmittingRows
from healthmgr.storage.day_tables import DayTables
from healthmgr.storage.promising_rows import PromisingRows
from healthmgr.storage.tables import audit_entries, audited_minutes, runs
from healthmgr.storage.transactions import Transactions
from healthmgr.storage.upkeep_repository import MINUTES_KEPT_FOR, UpkeepRepository
from tests.builders import NOW, make_alert, make_check, make_pulse, new_id

DAY = timedelta(days=1)


@pytest.fixture
def promising(engine: Engine) -> Promising:
    return Promising(Transactions(engine, PromisingRows), Admitting(Transactions(engine, AdmittingRows)))


def facts(engine: Engine, over: timedelta = DAY) -> Facts:
    with engine.begin() as connection:
        return PromisingRows(connection).facts(over, NOW)


def look(engine: Engine, minutes_ago: float, *, is_content: bool = True) -> None:
    UpkeepRepository(engine).note_minute(is_content, NOW - timedelta(minutes=minutes_ago))


def test_a_minute_is_well_in_which_the_auditor_looked_and_found_nothing(engine: Engine) -> None:
    assert (facts(engine).minutes, facts(engine).well_minutes) == (0, 0)
    for minutes_ago in (10, 9, 9, 8, 7, 4, 0):
        look(engine, minutes_ago)
    look(engine, 8, is_content=False)
    for minutes_ago in range(12):
        UpkeepRepository(engine).note_life(NOW - timedelta(minutes=minutes_ago))
    found = facts(engine)
    assert found.minutes == 10, "from the first look to the minute that is under way"
    assert found.well_minutes == 4, "in one it found something, in five nobody looked"
    assert found.pauses == ()
    short = facts(engine, timedelta(minutes=5))
    assert (short.minutes, short.well_minutes) == (5, 1)


def test_minutes_in_which_no_beat_lived_are_told_apart_and_no_loss_of_alerting(engine: Engine) -> None:
    for minutes_ago in (30, 29, 12, 11, 10, 9):
        look(engine, minutes_ago)
    UpkeepRepository(engine).note_life(NOW - timedelta(minutes=28))
    found = facts(engine)
    assert (found.minutes, found.well_minutes) == (7, 6), "in one a beat lived, and nobody looked"
    times = [(NOW - pause.began_at, NOW - pause.ended_at) for pause in found.pauses]
    minute = timedelta(minutes=1)
    assert times == [(8 * minute, 0 * minute), (27 * minute, 12 * minute)]
    assert facts(engine, 20 * minute).paused_for == 16 * minute, "what lies in that time"
    works = next(figure for figure in figures(found) if figure.name is PromiseName.AVAILABILITY)
    assert said(works).endswith("; healthmgr was not running for 23 min besides")


def test_the_auditor_notes_each_look_and_what_came_of_it(engine: Engine) -> None:
    rows = UpkeepRepository(engine)
    upkeep = Upkeep(rows, DayTables(engine, "results", "started_at"), rows)
    assert upkeep.audit(NOW) == []
    make_pulse(engine, "beat", "beat-1", at=NOW - timedelta(hours=1))
    assert upkeep.audit(NOW + timedelta(seconds=15)) == ["no beat has shown a sign of life for more than a minute"]
    with engine.connect() as connection:
        noted = connection.execute(select(audited_minutes)).one()
    assert tuple(noted) == (NOW, 2, 1)


def test_minutes_of_long_ago_are_forgotten(engine: Engine) -> None:
    UpkeepRepository(engine).note_minute(True, NOW - MINUTES_KEPT_FOR - DAY)
    look(engine, 0)
    with engine.connect() as connection:
        assert connection.execute(select(audited_minutes.c.minute)).scalars().all() == [NOW]


def test_a_mark_is_kept_said_again_taken_back_and_audited(engine: Engine, promising: Promising) -> None:
    alert = make_alert(engine, make_check(engine, "api"), opened_at=NOW - timedelta(hours=1))
    for why in ("a slow switch", "a slow switch in rack 4"):
        promising.mark_false(alert, why=why, actor="alice", origin="cli", now=NOW)
    assert (facts(engine).alerts, facts(engine).marked_false) == (1, 1)
    promising.unmark(alert, actor="bob", origin="cli", now=NOW)
    assert facts(engine).marked_false == 0
    with pytest.raises(Conflict, match="Nobody has marked"):
        promising.unmark(alert, actor="bob", origin="cli", now=NOW)
    for act in (
        lambda unknown: promising.unmark(unknown, actor="bob", origin="cli", now=NOW),
        lambda unknown: promising.mark_false(unknown, why="x", actor="bob", origin="cli", now=NOW),
    ):
        with pytest.raises(NotFound):
            act(uuid4())
    with engine.connect() as connection:
        entries = connection.execute(select(audit_entries).order_by(audit_entries.c.id)).mappings().all()
    assert [(one["actor"], one["action"], one["detail"].get("comment")) for one in entries] == [
        ("alice", "alert.marked_false", "a slow switch"),
        ("alice", "alert.marked_false", "a slow switch in rack 4"),
        ("bob", "alert.unmarked", None),
    ]


def test_alerts_that_nobody_is_told_of_by_themselves_are_no_alerts_here(engine: Engine) -> None:
    check = make_check(engine, "api")
    root = make_alert(engine, check, opened_at=NOW - timedelta(hours=1))
    make_alert(engine, make_check(engine, "below"), suppressed_by_id=root, opened_at=NOW - timedelta(hours=1))
    make_alert(engine, None, origin="synthetic", opened_at=NOW - timedelta(hours=1))
    make_alert(engine, make_check(engine, "old"), opened_at=NOW - timedelta(days=2))
    assert facts(engine).alerts == 1


def test_candidates_flapped_or_were_over_at_once_by_themselves(engine: Engine, promising: Promising) -> None:
    def over_after(slug: str, seconds: int, **facts: object) -> UUID:
        opened_at = NOW - timedelta(hours=1)
        resolved_at = opened_at + timedelta(seconds=seconds)
        return make_alert(engine, make_check(engine, slug), opened_at=opened_at, resolved_at=resolved_at, **facts)

    over_after("at-once", 20)
    over_after("later", 61)
    over_after("by-a-person", 20, resolved_by="alice")
    over_after("flapped", 900, is_flapping=True)
    make_run(engine, over_after("repaired", 20), is_proved=True)
    found = promising.report(NOW, DAY)
    assert {one.check for one in found.candidates} == {"at-once", "flapped"}
    assert found.candidate_count == 2


def make_run(engine: Engine, alert_id: UUID | None, **over: object) -> None:
    row = {
        "id": new_id(), "runbook": "restart", "document": {}, "trigger": "hard", "alert_id": alert_id,
        "target": f"check:{uuid4()}", "severity": "high", "problem_at": NOW, "state": "succeeded", "reason": "proved",
        "created_at": NOW - timedelta(minutes=30), "ended_at": NOW - timedelta(minutes=29),
    } | over  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(runs).values(row))


def test_an_alert_that_a_runbook_saw_to_is_resolved_by_it_when_its_check_was_healthy_after_it(engine: Engine) -> None:
    alerts = [make_alert(engine, make_check(engine, f"c-{n}")) for n in range(5)]
    make_run(engine, alerts[0], is_proved=True)
    make_run(engine, alerts[1], state="failed", reason="a_step_failed")
    make_run(engine, alerts[1], is_proved=True)
    make_run(engine, alerts[2], state="refused", reason="cooling_down")
    make_run(engine, alerts[3], trigger="person", is_proved=True)
    make_run(engine, alerts[4], state="cancelled", reason="healed_by_itself")
    make_run(engine, alerts[4], state="running", reason="", ended_at=None)
    assert (facts(engine).seen_to, facts(engine).repaired) == (3, 2)


def test_a_length_that_nothing_can_be_said_of_is_refused(promising: Promising) -> None:
    for over in (timedelta(seconds=1), timedelta(days=91)):
        with pytest.raises(DefinitionError, match="over: say a length from 1m to 90d"):
            promising.figures(NOW, over)
