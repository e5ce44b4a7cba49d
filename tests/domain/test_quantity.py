"""Durations and amounts, as people write them and back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.quantity import format_duration, parse_amount, parse_duration

lengths = st.integers(min_value=0, max_value=10 * 365 * 86_400_000).map(lambda ms: timedelta(milliseconds=ms))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
        ("250ms", timedelta(milliseconds=250)),
        ("1h30m", timedelta(minutes=90)),
        ("1h 30m", timedelta(minutes=90)),
        (" 1 h 30 m ", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("1m500ms", timedelta(seconds=60.5)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_numbers_with_units(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", " ", "30", "s", "-5s", "5 seconds", "5min", "5S", "1h-30m", "h1", "1,5h", ".5s", "1e3s", "5s!", "∞"]
)
def test_what_is_not_a_duration_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="such as 30s"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["99999999999d", "1" + "0" * 400 + "s"])
def test_a_duration_that_no_clock_can_hold_is_refused(text):
    with pytest.raises(ValueError, match="longer than"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(milliseconds=250), "250ms"),
        (timedelta(seconds=30), "30s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(minutes=60), "1h"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=7), "7d"),
        (timedelta(days=1, hours=1, minutes=1, seconds=1, milliseconds=1), "1d1h1m1s1ms"),
        (timedelta(seconds=-90), "-1m30s"),
    ],
)
def test_a_length_is_written_in_the_units_it_needs(length, text):
    assert format_duration(length) == text


@given(lengths)
def test_a_length_that_is_written_is_read_back(length):
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("42", 42.0),
        ("-3", -3.0),
        ("0.5", 0.5),
        ("80%", 80.0),
        ("5s", 5.0),
        ("5 s", 5.0),
        ("250ms", 0.25),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("3d", 259200.0),
        ("100b", 100.0),
        ("1kb", 1000.0),
        ("1 MB", 1e6),
        ("2GB", 2e9),
        ("1KiB", 1024.0),
        ("1.5GiB", 1.5 * 2**30),
        ("1TiB", 2.0**40),
    ],
)
def test_an_amount_is_read_in_base_units(text, amount):
    assert parse_amount(text) == pytest.approx(amount, rel=1e-12)


@pytest.mark.parametrize("text", ["", "%", "%5", "5 apples", "5M", "many", "1,5", "5 %s", "nan", "inf", "1e3", "0x10"])
def test_what_is_not_an_amount_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="5s, 80%, 2GiB"):
        parse_amount(text)


@given(lengths)
def test_a_written_length_is_the_same_as_an_amount_in_seconds(length):
    assert parse_amount(format_duration(length)) == pytest.approx(length.total_seconds(), rel=1e-9)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    for parse in (parse_duration, parse_amount):
        try:
            parse(text)
        except ValueError as error:
            assert repr(text) in str(error)  # noqa: PT017 - either outcome is right, and this is all that is asked
