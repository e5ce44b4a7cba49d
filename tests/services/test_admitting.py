"""Alerts that others bring, on real rows."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from healthmgr.domain.incoming import IncomingAlert, incoming
from healthmgr.services.admitting import Admitting
from healthmgr.services.upkeep import Upkeep
from healthmgr.storage.admitting_rows import AdmittingRows
from healthmgr.storage.day_tables import DayTables
from healthmgr.storage.transactions import Transactions
from healthmgr.storage.upkeep_repository import UpkeepRepository
from tests.builders import NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def admitting(engine: Engine) -> Admitting:
    return Admitting(Transactions(engine, AdmittingRows))


def bring(name: str = "Down", **over: Any) -> IncomingAlert:
    facts = {"labels": {"alertname": name}, "now": NOW, "starts_at": NOW, "ends_at": NOW + 5 * MINUTE}
    return incoming(**facts | over)


def rows(engine: Engine, sql: str, **values: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(sql), values).all())


def test_bringing_it_again_and_again_leaves_one_open_alert(admitting: Admitting, engine: Engine) -> None:
    for _ in range(3):
        admitting.admit([bring()], "door", NOW)
    (row,) = rows(engine, "SELECT origin, name, check_id, status, ends_at FROM alerts")
    assert (row.origin, row.name, row.check_id, row.status, row.ends_at) == (
        "door",
        "Down",
        None,
        "unhealthy",
        NOW + 5 * MINUTE,
    )
    assert len(rows(engine, "SELECT 1 FROM dispatches")) == 1


def test_a_renewal_changes_what_is_known_and_asks_for_no_judgement(admitting: Admitting, engine: Engine) -> None:
    admitting.admit([bring()], "door", NOW)
    (before,) = rows(engine, "SELECT token FROM dispatches")
    renewed = bring(annotations={"summary": "worse"}, starts_at=NOW - MINUTE, ends_at=NOW + 9 * MINUTE)
    assert admitting.admit([renewed], "door", NOW + MINUTE) == []
    (row,) = rows(engine, "SELECT summary, started_at, ends_at FROM alerts")
    assert tuple(row) == ("worse", NOW - MINUTE, NOW + 9 * MINUTE)
    assert rows(engine, "SELECT token FROM dispatches") == [before]


def test_its_end_closes_it_and_asks_for_judgement_at_once(admitting: Admitting, engine: Engine) -> None:
    admitting.admit([bring()], "door", NOW)
    (due,) = admitting.admit([bring(ends_at=NOW + MINUTE)], "door", NOW + MINUTE)
    assert due.due_at == NOW + timedelta(seconds=30), "the group was still gathering: the earlier time holds"
    (row,) = rows(engine, "SELECT resolved_at, resolution, status FROM alerts")
    assert tuple(row) == (NOW + MINUTE, "resolved_by_source", "healthy")


def test_its_end_and_its_new_beginning_in_one_batch_are_two_occurrences(admitting: Admitting, engine: Engine) -> None:
    admitting.admit([bring()], "door", NOW)
    later = NOW + 2 * MINUTE
    again = bring(now=later, starts_at=NOW + MINUTE * 1.5, ends_at=later + 5 * MINUTE)
    admitting.admit([bring(ends_at=NOW + MINUTE), again], "door", later)
    found = rows(engine, "SELECT resolved_at IS NULL AS is_open FROM alerts ORDER BY opened_at, id")
    assert [row.is_open for row in found] == [False, True]


def test_a_new_occurrence_closes_the_one_that_nobody_ended(admitting: Admitting, engine: Engine) -> None:
    admitting.admit([bring()], "door", NOW)
    later = NOW + 9 * MINUTE
    admitting.admit([bring(now=later, starts_at=later, ends_at=later + MINUTE)], "door", later)
    found = rows(engine, "SELECT resolution FROM alerts ORDER BY opened_at")
    assert [row.resolution for row in found] == ["not_renewed_by_source", ""]


def test_what_is_not_renewed_is_closed_by_the_next_sweep(admitting: Admitting, engine: Engine) -> None:
    repository = UpkeepRepository(engine)
    upkeep = Upkeep(repository, DayTables(engine, "results", "started_at"), repository)
    admitting.admit([bring(), bring("Endless", ends_at=None)], "door", NOW)
    upkeep.sweep(NOW + timedelta(minutes=4, seconds=59))
    assert rows(engine, "SELECT 1 FROM alerts WHERE resolved_at IS NOT NULL") == []
    due = upkeep.sweep(NOW + 5 * MINUTE)
    assert [one.key for one in due] == ['default:check=""'], "its end is judged by the same sweep"
    (row,) = rows(engine, "SELECT name, resolution FROM alerts WHERE resolved_at IS NOT NULL")
    assert tuple(row) == ("Down", "not_renewed_by_source")


def test_what_is_being_renewed_is_left_by_the_sweep(engine: Engine) -> None:
    transactions = Transactions(engine, AdmittingRows)
    Admitting(transactions).admit([bring()], "door", NOW)
    repository = UpkeepRepository(engine)
    with transactions.begin() as transaction:
        transaction.standing([bring().fingerprint("door")])
        assert repository.close_lapsed(NOW + 9 * MINUTE, 100) == 0, "somebody holds its share"
    assert repository.close_lapsed(NOW + 9 * MINUTE, 100) == 1


def test_what_a_person_closed_is_not_opened_by_the_next_repetition(admitting: Admitting, engine: Engine) -> None:
    admitting.admit([bring()], "door", NOW)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE alerts SET resolved_at = :at, resolved_by = 'alice', resolution = 'resolved_by_person'"),
            {"at": NOW + MINUTE},
        )
    admitting.admit([bring()], "door", NOW + 2 * MINUTE)
    assert len(rows(engine, "SELECT 1 FROM alerts")) == 1
    admitting.admit([bring(ends_at=None)], "door", NOW + timedelta(minutes=62))
    assert len(rows(engine, "SELECT 1 FROM alerts")) == 2


def test_many_who_bring_the_same_at_once_open_each_problem_once(admitting: Admitting, engine: Engine) -> None:
    batch = [bring(f"Down{n}") for n in range(40)]

    def post(turn: int) -> None:
        some = batch if turn % 2 else list(reversed(batch))
        admitting.admit(some, "door", NOW + timedelta(seconds=turn))
        if turn % 3 == 0:
            ended = [bring(f"Down{n}", ends_at=NOW + timedelta(seconds=turn)) for n in range(0, 40, 2)]
            admitting.admit(ended, "door", NOW + timedelta(seconds=turn))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(post, range(24)))
    (row,) = rows(
        engine, "SELECT count(*) AS all, count(DISTINCT fingerprint) AS each FROM alerts WHERE resolved_at IS NULL"
    )
    assert row.all == row.each
    assert row.each >= 20


def test_a_thousand_at_once_take_two_commits_and_little_time(admitting: Admitting, engine: Engine) -> None:
    batch = [bring(labels={"alertname": "Down", "instance": f"host-{n}", "service": f"s{n % 20}"}) for n in range(1000)]
    started = time.perf_counter()
    admitting.admit(batch, "door", NOW)
    admitting.admit(batch, "door", NOW + MINUTE)
    assert time.perf_counter() - started < 5, "a quarter of a second, on an idle machine"
    assert len(rows(engine, "SELECT 1 FROM alerts")) == 1000
    assert len(rows(engine, "SELECT 1 FROM dispatches")) == 20
