"""Windows put together of days, hours and minutes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.rollup import DAY, HOUR, MINUTE, Progress, Statuses, Tier, cover, settle_step
from healthmgr.domain.sketch import Sketch

NOW = datetime(2026, 5, 20, 13, 37, tzinfo=UTC)
PROGRESS = Progress(
    hours_until=datetime(2026, 5, 20, 13, tzinfo=UTC),
    days_until=datetime(2026, 5, 20, tzinfo=UTC),
    minutes_from=NOW - timedelta(days=30),
    hours_from=NOW - timedelta(days=366),
)


def test_a_month_is_days_with_hours_and_minutes_at_its_ends() -> None:
    found = cover(NOW - timedelta(days=30), NOW, PROGRESS)
    assert [(stretch.tier, stretch.begin, stretch.end) for stretch in found] == [
        (Tier.MINUTE, datetime(2026, 4, 20, 13, 37, tzinfo=UTC), datetime(2026, 4, 20, 14, tzinfo=UTC)),
        (Tier.HOUR, datetime(2026, 4, 20, 14, tzinfo=UTC), datetime(2026, 4, 21, tzinfo=UTC)),
        (Tier.DAY, datetime(2026, 4, 21, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)),
        (Tier.HOUR, datetime(2026, 5, 20, tzinfo=UTC), datetime(2026, 5, 20, 13, tzinfo=UTC)),
        (Tier.MINUTE, datetime(2026, 5, 20, 13, tzinfo=UTC), NOW),
    ]


@given(
    st.integers(0, 60 * 24 * 29).map(lambda minutes: NOW - MINUTE * minutes),
    st.integers(0, 60 * 24 * 29),
    st.sampled_from(Tier),
)
def test_stretches_follow_each_other_and_are_whole(begin: datetime, length: int, coarsest: Tier) -> None:
    end = min(begin + MINUTE * length, NOW)
    found = cover(begin, end, PROGRESS, coarsest)
    assert sum((stretch.end - stretch.begin for stretch in found), timedelta()) == end - begin
    assert all(one.end == next_one.begin for one, next_one in itertools.pairwise(found))
    for stretch in found:
        assert (stretch.end - stretch.begin) % stretch.tier.length == timedelta(0)
        assert stretch.begin.timestamp() % stretch.tier.length.total_seconds() == 0
        assert stretch.tier.length <= coarsest.length


def test_where_minutes_are_gone_a_window_begins_with_its_hour_and_where_hours_are_gone_with_its_day() -> None:
    last_year, long_ago = NOW - timedelta(days=40), NOW - timedelta(days=500)
    assert cover(last_year, NOW, PROGRESS)[0].begin == last_year.replace(minute=0)
    assert cover(long_ago, NOW, PROGRESS)[0].begin == long_ago.replace(hour=0, minute=0)
    assert settle_step(MINUTE * 5, last_year, PROGRESS) == (HOUR, Tier.HOUR)
    assert settle_step(MINUTE * 5, long_ago, PROGRESS) == (DAY, Tier.DAY)


def test_a_step_is_read_of_the_coarsest_that_fits_into_it() -> None:
    lately = NOW - HOUR
    assert settle_step(timedelta(seconds=10), lately, PROGRESS) == (MINUTE, Tier.MINUTE)
    assert settle_step(MINUTE * 90, lately, PROGRESS) == (MINUTE * 90, Tier.MINUTE)
    assert settle_step(HOUR * 6, lately, PROGRESS) == (HOUR * 6, Tier.HOUR)
    assert settle_step(DAY * 7, lately, PROGRESS) == (DAY * 7, Tier.DAY)


def test_uptime_is_the_share_of_those_that_could_tell() -> None:
    found = Statuses.of(Sketch.of([0] * 6 + [1] * 2 + [2] * 2 + [3] * 10))
    assert found == Statuses(healthy=6, degraded=2, unhealthy=2, unknown=10)
    assert found.uptime == 0.8
    assert Statuses(unknown=3).uptime is None
    assert (found + found).uptime == 0.8
