"""The board's reading: what a day of checks comes to, and how soon ten thousand of them are read."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from healthmgr.storage.reading_board import BoardReading, Wanted
from healthmgr.storage.series import Series
from tests.builders import make_check, make_checks, make_result
from tests.measuring.making import KEPT, NOW, Made, rolling, store

MANY = 10_000
BOUND = 0.5  # seconds, and this machine does other things too


@pytest.mark.parametrize("rolled_later", [timedelta(0), timedelta(hours=1, minutes=5), timedelta(days=2)])
def test_a_day_at_a_glance_is_what_its_results_come_to(engine: Engine, rolled_later: timedelta) -> None:
    busy, quiet, other = (make_check(engine, slug) for slug in ("busy", "quiet", "other"))
    made = [
        Made(
            NOW - timedelta(minutes=7 * number),
            took=0.05 + number / 1000,
            status="unhealthy" if number % 10 == 0 else "healthy",
            sequence=1000 - number,
        )
        for number in range(300)
    ]
    with engine.begin() as connection:
        store(connection, busy, *made)
        store(connection, other, Made(NOW - timedelta(days=3)))
    rolling(engine).roll(NOW)
    rolling(engine).roll(NOW + rolled_later)
    found = BoardReading(engine).glances([busy, quiet], NOW)
    assert set(found) == {busy}
    uptime = Series(engine, KEPT).statuses([busy], NOW - timedelta(days=1), NOW, now=NOW)[busy].uptime
    assert found[busy].uptime == pytest.approx(uptime)
    hour = (NOW - timedelta(hours=3)).replace(minute=0, second=0)
    within = [one.took for one in made if hour <= one.at < hour + timedelta(hours=1)]
    first = (NOW - timedelta(days=1)).replace(minute=0, second=0)
    assert found[busy].means[int((hour - first) / timedelta(hours=1))] == pytest.approx(sum(within) / len(within))
    assert len(found[busy].means) == 25


def test_hours_in_which_nothing_was_measured_are_gaps(engine: Engine) -> None:
    check = make_check(engine, "seldom")
    with engine.begin() as connection:
        store(connection, check, Made(NOW - timedelta(hours=20)), Made(NOW, took=0.2))
    rolling(engine).roll(NOW + timedelta(minutes=1))
    means = BoardReading(engine).glances([check], NOW + timedelta(minutes=1))[check].means
    assert [round(mean, 3) for mean in means if mean is not None] == [0.1, 0.2]
    assert means[-1] == pytest.approx(0.2)


def test_ten_thousand_checks_are_read_in_half_a_second(engine: Engine) -> None:
    for number in range(100):
        slugs = [f"check-{number:03}-{one:03}" for one in range(MANY // 100)]
        make_checks(engine, slugs, service=f"service-{number:03}")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE check_states SET status = 'unhealthy' WHERE check_id IN (SELECT id FROM checks LIMIT 500)")
        )
        connection.execute(text("ANALYZE checks, check_states, results, alerts"))
    reading = BoardReading(engine)
    board = reading.board(Wanted())
    assert (board.total, len(board.lines)) == (MANY, 50)
    assert best_of(3, lambda: reading.board(Wanted())) < BOUND
    assert best_of(3, lambda: reading.board(Wanted(status="unhealthy", search="service-01"), 2)) < BOUND


def best_of(times: int, work: Callable[[], object]) -> float:
    """How long it takes, in seconds, when it is not kept waiting."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


def test_a_board_that_is_renewed_is_as_one_that_is_read_anew(engine: Engine) -> None:
    ids = [make_check(engine, slug, last_result_at=NOW) for slug in ("busy", "quiet", "unseen", "gone")]
    for number in range(4):
        make_result(engine, ids[0], started_at=NOW + timedelta(seconds=number), sequence=number)
        make_result(engine, ids[1], started_at=NOW + timedelta(seconds=number), sequence=number)
    reading = BoardReading(engine)
    before = reading.board(Wanted(), beats=3)
    make_result(engine, ids[0], started_at=NOW + timedelta(seconds=9), status="degraded", sequence=9)
    make_result(engine, ids[2], started_at=NOW + timedelta(seconds=9), sequence=9)
    with engine.begin() as connection:
        connection.execute(text("UPDATE check_states SET last_message = 'slow' WHERE check_id = :id"), {"id": ids[0]})
        connection.execute(text("UPDATE checks SET is_enabled = false WHERE id = :id"), {"id": ids[3]})
    assert reading.renewed(before, beats=3).lines == reading.board(Wanted(), beats=3).lines
