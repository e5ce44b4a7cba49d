"""Rollups against a straight computation from the results: in any order, whatever is killed, however late."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from healthmgr.domain.rollup import STATUS, Statuses, Tier
from healthmgr.domain.sketch import ACCURACY, SMALLEST, Sketch, key_of
from healthmgr.services.rolling import Batch, Rolled, Rolling
from healthmgr.storage.rolling_rows import RollingRows
from healthmgr.storage.series import Series
from healthmgr.storage.transactions import Transactions
from tests.builders import make_check, new_id
from tests.measuring.making import KEPT, NOW, Made, rolling, store

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
TABLES = {Tier.MINUTE: "metric_minutes", Tier.HOUR: "metric_hours", Tier.DAY: "metric_days"}

NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, -2.5]),
    st.floats(min_value=1e-6, max_value=1e6),
    st.floats(min_value=-1e6, max_value=1e6).filter(lambda v: abs(v) > 1e-6 or v == 0),
)
RESULTS = st.builds(
    Made,
    at=st.integers(0, 3 * 86400).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    took=NUMBERS.map(abs),
    status=st.sampled_from(["healthy", "degraded", "unhealthy", "unknown"]),
    metrics=st.dictionaries(st.sampled_from(["load", "queue"]), NUMBERS, max_size=2),
    cause=st.sampled_from(["slot", "slot", "retry", "push", "request"]),
)


def rows(engine: Engine, table: str, check_id: UUID | None = None) -> dict[tuple[object, ...], Sketch]:
    """All rollups of a table, by check, metric, beginning and whether they were planned."""
    query = f"""
        SELECT s.check_id, s.metric, r.at, r.is_planned, r.amount, r.total, r.lowest, r.highest,
               ARRAY(SELECT ROW(b.key, b.count)::text FROM metric_buckets(lowest, amount, keys, counts) b) AS buckets
        FROM {table} r JOIN metric_series s ON s.id = r.series_id
        WHERE s.check_id = COALESCE(CAST(:check_id AS uuid), s.check_id)
    """
    with engine.connect() as connection:
        found = connection.execute(text(query), {"check_id": check_id}).all()
    return {
        (row.check_id, row.metric, row.at, row.is_planned): Sketch(
            row.amount,
            row.total,
            row.lowest,
            row.highest,
            dict(tuple(map(int, b.strip("()").split(","))) for b in row.buckets),
        )
        for row in found
    }


def straight(check_id: UUID, made: Sequence[Made], length: timedelta) -> dict[tuple[object, ...], list[float]]:
    """The numbers of each rollup, computed from the results."""
    numbers: defaultdict[tuple[object, ...], list[float]] = defaultdict(list)
    codes = {"healthy": 0, "degraded": 1, "unhealthy": 2, "unknown": 3}
    for one in made:
        seconds = one.at.timestamp()
        at = datetime.fromtimestamp(seconds - seconds % length.total_seconds(), one.at.tzinfo)
        measured = {"response_time": one.took, **one.metrics}
        if one.cause in ("slot", "push"):
            measured[STATUS] = codes[one.status]
        for metric, number in measured.items():
            numbers[(check_id, metric, at, False)].append(float(number))  # type: ignore[arg-type]
    return numbers


def agrees(found: Sketch, numbers: Sequence[float]) -> bool:
    in_order = sorted(numbers)
    quantiles_hold = all(
        abs(found.quantile(share) - exact) <= ACCURACY * abs(exact) * (1 + 1e-9) + SMALLEST  # type: ignore[operator]
        for share in (0.0, 0.5, 0.95, 0.99, 1.0)
        for exact in [in_order[math.floor(share * (len(numbers) - 1))]]
    )
    is_exact = (found.amount, found.lowest, found.highest) == (len(numbers), in_order[0], in_order[-1])
    return is_exact and quantiles_hold and math.isclose(found.total, math.fsum(numbers), rel_tol=1e-9, abs_tol=1e-6)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(RESULTS, min_size=1, max_size=25), min_size=1, max_size=4))
def test_rollups_of_batches_in_any_order_are_what_a_straight_computation_gives(
    engine: Engine, batches: list[list[Made]]
) -> None:
    check_id = make_check(engine, f"api-{new_id()}")
    roll, number, made = rolling(engine), 0, []
    for batch in batches:
        with engine.begin() as connection:
            for one in batch:
                number += 1
                store(connection, check_id, Made(**{**one.__dict__, "sequence": number}))
        made += batch
        assert roll.roll(NOW, batch=10) == len(batch)
    assert roll.roll(NOW + 2 * DAY) == 0
    for tier, table in TABLES.items():
        wanted, found = straight(check_id, made, tier.length), rows(engine, table, check_id)
        assert found.keys() == wanted.keys()
        assert all(agrees(found[place], numbers) for place, numbers in wanted.items())


def test_a_window_is_read_as_if_from_the_results_themselves(engine: Engine) -> None:
    check_id, roll = make_check(engine, "api"), rolling(engine)
    made = [Made(NOW - timedelta(seconds=311 * n), took=0.01 * (n % 97 + 1), sequence=n + 1) for n in range(900)]
    with engine.begin() as connection:
        store(connection, check_id, *made)
    roll.roll(NOW)
    series = Series(engine, KEPT)
    for begin, end in ((NOW - 2 * DAY, NOW), (NOW - 3 * DAY, NOW - DAY), (NOW - 90 * MINUTE, NOW - 2 * MINUTE)):
        first, last = begin.replace(second=0), end.replace(second=0) + MINUTE
        numbers = [one.took for one in made if first <= one.at < last]
        assert agrees(series.summary([check_id], "response_time", begin, end, now=NOW)[check_id], numbers)
    points = series.read_series("api", "response_time", NOW - DAY, NOW, timedelta(hours=1), now=NOW)
    assert sum(point.sketch.amount for point in points) == sum(one.at >= points[0].at for one in made)
    assert [point.at.minute for point in points] == [0] * len(points)


class Killed(Exception):
    """The process is gone."""


@pytest.mark.parametrize("dies_before", ["fold", "move", "commit", "coarsen", "coarsen_commit"])
def test_whatever_dies_between_two_statements_nothing_is_lost_or_counted_twice(
    engine: Engine, dies_before: str
) -> None:
    check_id = make_check(engine, "api")
    made = [Made(NOW - timedelta(seconds=100 * n), took=0.001 * (n + 1), sequence=n + 1) for n in range(300)]
    with engine.begin() as connection:
        store(connection, check_id, *made)

    class Dying(RollingRows):
        def fold(self, batch: Batch) -> int:
            _die("fold")
            count = super().fold(batch)
            _die("move")
            return count

        def move(self, rolled: Rolled, now: datetime, *, is_all: bool) -> None:
            super().move(rolled, now, is_all=is_all)
            _die("commit")

        def coarsen(self, tier: Tier, until: datetime, size: int) -> int:
            _die("coarsen")
            count = super().coarsen(tier, until, size)
            _die("coarsen_commit")
            return count

    def _die(place: str) -> None:
        if place == dies_before:
            raise Killed

    dying = Rolling(Transactions(engine, Dying), None, KEPT, DAY)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(Killed):
            dying.roll(NOW)
    rolling(engine).roll(NOW)
    rolling(engine).roll(NOW + 2 * DAY)
    for tier, table in TABLES.items():
        wanted, found = straight(check_id, made, tier.length), rows(engine, table, check_id)
        assert found.keys() == wanted.keys()
        assert all(agrees(found[place], numbers) for place, numbers in wanted.items())


def test_what_a_transaction_stores_late_is_taken_when_it_has_committed_and_holds_nothing_up(engine: Engine) -> None:
    check_id, roll = make_check(engine, "api"), rolling(engine)
    with engine.connect() as slow, engine.connect() as given_up:
        late, lost = slow.begin(), given_up.begin()
        store(slow, check_id, Made(NOW - MINUTE, sequence=1))
        store(given_up, check_id, Made(NOW - MINUTE, sequence=2))
        for sequence in (3, 4, 5):
            with engine.begin() as quick:
                store(quick, check_id, Made(NOW, sequence=sequence))
            assert roll.roll(NOW, batch=1) == 1
        late.commit()
        lost.rollback()
    assert roll.roll(NOW) == 1
    assert roll.roll(NOW) == 0


def test_a_result_that_comes_hours_late_is_added_to_its_hour_and_its_day(engine: Engine) -> None:
    check_id, roll = make_check(engine, "api"), rolling(engine)
    old = NOW - 2 * DAY
    with engine.begin() as connection:
        store(connection, check_id, Made(old, took=1.0, sequence=1))
    roll.roll(NOW)
    with engine.begin() as connection:
        store(connection, check_id, Made(old + MINUTE, took=3.0, sequence=2))
    roll.roll(NOW)
    (day,) = [s for (_, metric, *_), s in rows(engine, "metric_days").items() if metric == "response_time"]
    assert (day.amount, day.total, day.highest) == (2, 4.0, 3.0)


def test_two_at_once_take_everything_once(engine: Engine) -> None:
    check_id = make_check(engine, "api")
    rolling(engine).roll(NOW)
    with engine.begin() as connection:
        store(connection, check_id, *(Made(NOW - MINUTE * n, sequence=n + 1) for n in range(50)))
    with engine.begin() as other:
        assert RollingRows(other).lock() is not None
        assert rolling(engine).roll(NOW) == 0, "another one is at it"
    assert rolling(engine).roll(NOW) == 50


def test_looks_out_of_turn_say_nothing_about_uptime(engine: Engine) -> None:
    check_id = make_check(engine, "api")
    causes = [("slot", "healthy"), ("slot", "unhealthy"), ("retry", "unhealthy"), ("request", "unhealthy")]
    causes += [("dependency", "unhealthy"), ("ping", "healthy"), ("lease_expired", "unknown"), ("push", "degraded")]
    with engine.begin() as connection:
        made = [Made(NOW - MINUTE * n, cause=c, status=s, sequence=n + 1) for n, (c, s) in enumerate(causes)]
        store(connection, check_id, *made)
    rolling(engine).roll(NOW)
    found = Series(engine, KEPT).statuses([check_id], NOW - DAY, NOW, now=NOW)[check_id]
    assert found == Statuses(healthy=1, degraded=1, unhealthy=1, unknown=1)
    assert found.uptime == pytest.approx(2 / 3)


def test_what_cannot_be_a_measurement_holds_nothing_up(engine: Engine) -> None:
    check_id, roll = make_check(engine, "api"), rolling(engine)
    metrics = {"text": "x", "none": None, "huge": 10**400, "tiny": 5e-324, "yes": True, "response_time": 7, "fine": 2}
    with engine.begin() as connection:
        store(connection, check_id, Made(NOW, metrics=metrics))
        connection.execute(text("UPDATE results SET response_time = 'NaN'"))
    assert roll.roll(NOW) == 1
    found = {metric: sketch.total for (_, metric, *_), sketch in rows(engine, "metric_minutes").items()}
    assert found == {"tiny": 0.0, "fine": 2.0, STATUS: 0.0}


def test_a_check_has_only_so_many_series(engine: Engine) -> None:
    check_id, roll = make_check(engine, "api"), rolling(engine)
    with engine.begin() as connection:
        store(connection, check_id, Made(NOW, metrics={f"m{n:04}": n for n in range(500)}))
    roll.roll(NOW)
    assert len(Series(engine, KEPT).metrics("api")) == 299, "and its statuses"


def test_results_from_before_there_were_rollups_are_taken_by_their_times(engine: Engine) -> None:
    check_id, roll = make_check(engine, "api"), rolling(engine)
    with engine.begin() as connection:
        store(connection, check_id, *(Made(NOW - timedelta(minutes=17) * n, sequence=n + 1) for n in range(100)))
        connection.execute(text("UPDATE results SET stored_in = 0"))
    assert roll.roll(NOW) == 100
    assert roll.roll(NOW) == 0
    total = sum(s.amount for (_, m, *_), s in rows(engine, "metric_minutes").items() if m == "response_time")
    assert total == 100


def test_a_database_from_another_server_counts_nothing_twice_and_goes_on(engine: Engine) -> None:
    check_id, roll = make_check(engine, "api"), rolling(engine)
    with engine.begin() as connection:
        store(connection, check_id, Made(NOW, sequence=1))
    roll.roll(NOW)
    with engine.begin() as connection:
        connection.execute(text("UPDATE results SET stored_in = stored_in + 1000000000"))
        connection.execute(text("UPDATE metric_progress SET stored_before = stored_before + 1000000001"))
    assert roll.roll(NOW) == 0
    with engine.begin() as connection:
        store(connection, check_id, Made(NOW, sequence=2))
    assert roll.roll(NOW) == 1


def test_old_minutes_go_by_the_table_and_old_hours_and_days_by_the_row(engine: Engine) -> None:
    check_id, roll = make_check(engine, "api"), rolling(engine)
    roll.keep_tables(NOW)
    with engine.begin() as connection:
        store(connection, check_id, Made(NOW - 3 * DAY, sequence=1), Made(NOW - 20 * DAY, sequence=2))
    roll.roll(NOW)
    assert len(rows(engine, "metric_minutes")) == 4
    _, dropped = roll.keep_tables(NOW + 29 * DAY)
    assert (NOW - 3 * DAY).date() in dropped
    assert (rows(engine, "metric_minutes"), len(rows(engine, "metric_days"))) == ({}, 4)
    roll.keep_tables(NOW + 6 * 366 * DAY)
    assert (rows(engine, "metric_hours"), rows(engine, "metric_days")) == ({}, {})


def test_the_database_puts_numbers_into_the_same_buckets(engine: Engine) -> None:
    numbers = [0.0, 1e-10, 1e-9, 0.5, 1.0, 1.02, 2.0, -3.25, 1e15, -1e-5, 1e199]
    with engine.connect() as connection:
        found = [connection.execute(text("SELECT metric_key(:n)"), {"n": number}).scalar() for number in numbers]
    assert found == [key_of(number) for number in numbers]
