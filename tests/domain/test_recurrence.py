"""Recurrence rules: moved close without a change, and refused when they are none, hostile or never happen."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from healthmgr.domain.recurrence import RecurrenceRule


@pytest.mark.parametrize(
    ("text", "dtstart", "hint"),
    [
        ("FREQ=SECONDLY", "2026-01-01T00:00", "FREQ=SECONDLY: write DAILY.*cron"),
        ("FREQ=HOURLY", "2026-01-01T00:00", "FREQ=HOURLY"),
        ("BYDAY=MO", "2026-01-01T00:00", "FREQ="),
        ("", "2026-01-01T00:00", ".*one line such as"),
        ("FREQ=DAILY;FREQ=DAILY", "2026-01-01T00:00", ".*one line such as"),
        ("FREQ=DAILY\nEXDATE:20260101", "2026-01-01T00:00", "write DAILY"),
        ("FREQ=DAILY;INTERVAL=0", "2026-01-01T00:00", "INTERVAL=0"),
        ("FREQ=DAILY;COUNT=100000", "2026-01-01T00:00", "COUNT=100000"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "2026-01-01T00:00", ".*not both"),
        ("FREQ=DAILY;UNTIL=20200101", "2026-01-01T00:00", ".*never happens"),
        ("FREQ=DAILY;UNTIL=soon", "2026-01-01T00:00", "no recurrence rule"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "2026-01-01T00:00", ".*never happens"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=9", "2026-01-01T00:00", ".*never happens"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "2026-01-01T00:00", ".*never happens"),
        ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1", "2026-01-01T00:00", ".*never happens"),
        ("FREQ=WEEKLY;BYDAY=2MO", "2026-01-01T00:00", ".*MONTHLY"),
        ("FREQ=WEEKLY;BYSETPOS=9", "2026-01-01T00:00", ".*MONTHLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=9", "2026-01-01T00:00", "BYMONTHDAY"),
        ("FREQ=DAILY;BYMONTH=x", "2026-01-01T00:00", "no recurrence rule"),
        ("FREQ=MONTHLY;BYDAY=XX", "2026-01-01T00:00", "no recurrence rule"),
        ("FREQ=DAILY;BYHOUR=25", "2026-01-01T00:00", "no recurrence rule"),
        ("FREQ=DAILY;BYMINUTE=" + ",".join(map(str, range(60))), "2026-01-01T00:00", "60 times a day"),
        ("FREQ=DAILY;BYMONTHDAY=" + ",".join(["1"] * 500), "2026-01-01T00:00", ".*too long"),
        ("FREQ=DAILY", "1826-01-01T00:00", "dtstart: 1826"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_soon_and_with_a_fix(text, dtstart, hint):
    started = time.process_time()
    with pytest.raises(ValueError, match=f"(?s){hint}"):
        RecurrenceRule.parse(text, datetime.fromisoformat(dtstart), ZoneInfo("UTC"))
    assert time.process_time() - started < 2


PARTS = st.tuples(
    st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY"]),
    st.sampled_from(["", "INTERVAL=2", "INTERVAL=3", "INTERVAL=5"]),
    st.sampled_from(
        [
            "",
            "BYDAY=MO,FR",
            "BYDAY=TU;BYMONTH=2,6",
            "BYMONTHDAY=1,15,31",
            "BYMONTHDAY=-1",
            "BYMONTH=5",
            "BYDAY=MO,TU,WE,TH,FR,SA,SU",
        ]
    ),
    st.sampled_from(["", "BYHOUR=3,15", "WKST=SU", "COUNT=400", "UNTIL=20240630T120000"]),
)


@pytest.mark.parametrize(
    ("text", "first"),
    [("FREQ=MONTHLY", "2025-01-15T10:30"), ("FREQ=YEARLY", "2025-01-15T10:30"), ("FREQ=WEEKLY", "2025-01-01T10:30")],
)
def test_a_rule_takes_its_day_from_its_beginning_however_long_ago_that_was(text, first):
    rule = RecurrenceRule.parse(text, datetime.fromisoformat("2020-01-15T10:30"), ZoneInfo("UTC"))
    after = datetime(2025, 1, 1, tzinfo=UTC)
    assert next(rule.starts_after(after)) == datetime.fromisoformat(first).replace(tzinfo=UTC)


@settings(deadline=None, max_examples=400)
@given(PARTS, st.integers(0, 800), st.integers(0, 3500 * 24))
def test_a_rule_that_was_moved_close_happens_when_it_would_have_from_its_beginning(parts, first_day, hours):
    text = ";".join(filter(None, parts))
    dtstart = datetime.fromisoformat("2020-01-01T10:30") + timedelta(days=first_day)
    instant = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    rule = RecurrenceRule(text, dtstart, ZoneInfo("UTC"))
    by_itself = rrulestr(text, dtstart=dtstart).xafter(instant.replace(tzinfo=None), count=5)
    horizon = max(instant.replace(tzinfo=None), dtstart) + timedelta(days=9 * 366)
    expected = [civil.replace(tzinfo=UTC) for civil in by_itself if civil <= horizon]
    assert [start for start, _ in zip(rule.starts_after(instant), range(5), strict=False)] == expected
