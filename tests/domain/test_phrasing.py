"""Times, lengths and lists read as people would say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from healthmgr.domain.phrasing import absolute, clock_time, lasted, listing, relative, span, took

NOW = datetime(2026, 11, 24, 3, 24, 10, tzinfo=UTC)


def test_an_absolute_time_names_its_zone():
    assert absolute(datetime(2026, 11, 24, 3, 12, 59, tzinfo=UTC)) == "2026-11-24 03:12 UTC"


def test_a_time_of_another_zone_is_told_in_utc():
    tokyo = timezone(timedelta(hours=9))
    assert absolute(datetime(2026, 11, 24, 3, 12, tzinfo=tokyo)) == "2026-11-23 18:12 UTC"


@pytest.mark.parametrize("tell", [absolute, lambda at: relative(at, NOW), lambda at: clock_time(at, NOW)])
def test_a_time_without_a_zone_is_refused(tell):
    with pytest.raises(ValueError, match="time zone"):
        tell(datetime(2026, 11, 24, 3, 12))  # noqa: DTZ001 - the fault under test


def test_a_span_names_the_second_day_only_when_it_is_another_one():
    assert span(NOW, NOW + timedelta(minutes=30)) == "2026-11-24 03:24 to 03:54 UTC"
    assert span(NOW, NOW + timedelta(days=1)) == "2026-11-24 03:24 to 2026-11-25 03:24 UTC"


def test_a_clock_time_carries_the_day_only_when_it_is_another_one():
    assert clock_time(NOW - timedelta(minutes=1), NOW) == "03:23:10"
    assert clock_time(NOW - timedelta(hours=6), NOW) == "11-23 21:24:10"


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=45), "45 s ago"),
        (timedelta(minutes=3, seconds=20), "3 min ago"),
        (timedelta(minutes=12), "12 min ago"),
        (timedelta(hours=1, minutes=4), "1 h 04 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(days=3, hours=5), "3 d 05 h ago"),
        (timedelta(minutes=-5), "in 5 min"),
    ],
)
def test_a_relative_time_says_how_long_ago(distance, text):
    assert relative(NOW - distance, NOW) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=-3), "less than 1 s"),
        (timedelta(milliseconds=400), "less than 1 s"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=3), "3 min"),
        (timedelta(minutes=3, seconds=5), "3 min 05 s"),
        (timedelta(minutes=42, seconds=30), "42 min"),
        (timedelta(hours=1, minutes=4), "1 h 04 min"),
        (timedelta(hours=23, minutes=59, seconds=59), "23 h 59 min"),
        (timedelta(days=2, hours=3, minutes=59), "2 d 03 h"),
    ],
)
def test_a_length_is_told_in_two_units_at_most(length, text):
    assert lasted(length) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than 1 ms"),
        (0.0034, "3.4 ms"),
        (0.24, "240 ms"),
        (0.9999, "1.00 s"),
        (7.214, "7.21 s"),
        (75, "1 min 15 s"),
        (float("nan"), "unknown"),
    ],
)
def test_a_response_time_is_told_in_the_unit_that_fits(seconds, text):
    assert took(seconds) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ],
)
def test_a_listing_says_how_many_it_leaves_out(names, text):
    assert listing(names, 3) == text
