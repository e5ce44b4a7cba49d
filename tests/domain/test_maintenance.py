"""Maintenance windows: once, by cron, by recurrence rule, by time intervals; over clock changes; hostile ones."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from healthmgr.domain.maintenance import Occurrence, from_document, next_occurrence, occurrence_at


def at(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def occurrence(text: str | None) -> Occurrence | None:
    """Written as `start/end`, in UTC."""
    if text is None:
        return None
    start, end = text.split("/")
    return Occurrence(at(start), at(end))


def cron(expression: str, duration: str, timezone: str = "UTC") -> dict[str, object]:
    return {"cron": expression, "duration": duration, "timezone": timezone}


def rrule(text: str, dtstart: str, duration: str, timezone: str = "UTC") -> dict[str, object]:
    return {"rrule": text, "dtstart": dtstart, "duration": duration, "timezone": timezone}


def daily(*times: str, **more: object) -> dict[str, object]:
    pairs = [dict(zip(("start_time", "end_time"), one.split("-"), strict=True)) for one in times]
    return {"times": pairs, **more}


ONCE = {"starts_at": "2026-05-01T22:00:00+00:00", "ends_at": "2026-05-02T02:00:00+00:00"}
NEW_YORK, LONDON, SYDNEY = "America/New_York", "Europe/London", "Australia/Sydney"
SUNDAYS = "FREQ=WEEKLY;BYDAY=SU"


@pytest.mark.parametrize(
    ("document", "instant", "expected"),
    [
        (ONCE, "2026-05-01T21:59:59", None),
        (ONCE, "2026-05-01T22:00", "2026-05-01T22:00/2026-05-02T02:00"),
        (ONCE, "2026-05-02T01:59:59", "2026-05-01T22:00/2026-05-02T02:00"),
        (ONCE, "2026-05-02T02:00", None),
        (cron("0 2 * * 0", "2h"), "2026-11-29T03:00", "2026-11-29T02:00/2026-11-29T04:00"),
        (cron("0 2 * * 0", "2h"), "2026-11-29T04:00", None),
        (cron("0 2 * * 0", "30h"), "2026-11-30T07:00", "2026-11-29T02:00/2026-11-30T08:00"),
        # touching and overlapping occurrences are one
        (cron("0 9-16 * * 1-5", "1h"), "2026-11-24T12:30", "2026-11-24T09:00/2026-11-24T17:00"),
        (cron("*/20 22 * * *", "30m"), "2026-11-24T22:05", "2026-11-24T22:00/2026-11-24T23:10"),
        (cron("0 0 * * 6,0", "24h"), "2026-11-29T23:00", "2026-11-28T00:00/2026-11-30T00:00"),
        # New York: no 02:00 on 2026-03-08, 01:30 twice on 2026-11-01
        (cron("0 2 * * 0", "2h", NEW_YORK), "2026-03-08T06:59", None),
        (cron("0 2 * * 0", "2h", NEW_YORK), "2026-03-08T08:59", "2026-03-08T07:00/2026-03-08T09:00"),
        (cron("0 2 * * 0", "2h", NEW_YORK), "2026-11-01T07:00", "2026-11-01T07:00/2026-11-01T09:00"),
        (cron("30 1 * * 0", "30m", NEW_YORK), "2026-11-01T05:45", "2026-11-01T05:30/2026-11-01T06:00"),
        (cron("30 1 * * 0", "30m", NEW_YORK), "2026-11-01T06:45", None),
        (rrule(SUNDAYS, "2026-01-04T02:30", "2h", NEW_YORK), "2026-03-08T07:00", "2026-03-08T07:00/2026-03-08T09:00"),
        (rrule(SUNDAYS, "2026-01-04T02:30", "2h", NEW_YORK), "2026-03-15T06:30", "2026-03-15T06:30/2026-03-15T08:30"),
        (rrule(SUNDAYS, "2026-01-04T01:30", "2h", NEW_YORK), "2026-11-01T07:00", "2026-11-01T05:30/2026-11-01T07:30"),
        # London: no 01:00 on 2026-03-29, 01:00 twice on 2026-10-25
        (cron("0 2 * * 0", "2h", LONDON), "2026-03-22T02:00", "2026-03-22T02:00/2026-03-22T04:00"),
        (cron("0 2 * * 0", "2h", LONDON), "2026-03-29T01:00", "2026-03-29T01:00/2026-03-29T03:00"),
        (rrule(SUNDAYS, "2026-01-04T01:15", "1h", LONDON), "2026-03-29T01:30", "2026-03-29T01:00/2026-03-29T02:00"),
        (rrule(SUNDAYS, "2026-01-04T01:15", "1h", LONDON), "2026-10-25T01:20", None),
        # Sydney: 02:00 twice on 2026-04-05, no 02:00 on 2026-10-04
        (cron("0 2 * * 0", "2h", SYDNEY), "2026-04-04T16:59", "2026-04-04T15:00/2026-04-04T17:00"),
        (cron("0 2 * * 0", "2h", SYDNEY), "2026-10-03T16:30", "2026-10-03T16:00/2026-10-03T18:00"),
        (rrule(SUNDAYS, "2026-01-04T02:30", "2h", SYDNEY), "2026-10-03T16:00", "2026-10-03T16:00/2026-10-03T18:00"),
        (rrule(SUNDAYS, "2026-01-04T02:30", "2h", SYDNEY), "2026-04-04T15:30", "2026-04-04T15:30/2026-04-04T17:30"),
        # rules with an end, from far away, and in all four frequencies
        (
            rrule("FREQ=DAILY;COUNT=3", "2026-01-01T10:00", "1h"),
            "2026-01-03T10:30",
            "2026-01-03T10:00/2026-01-03T11:00",
        ),
        (rrule("FREQ=DAILY;COUNT=3", "2026-01-01T10:00", "1h"), "2026-01-04T10:30", None),
        (
            rrule("FREQ=DAILY;UNTIL=20260103", "2026-01-01T10:00", "1h"),
            "2026-01-03T10:30",
            "2026-01-03T10:00/2026-01-03T11:00",
        ),
        (rrule("FREQ=DAILY;UNTIL=20260103", "2026-01-01T10:00", "1h"), "2026-01-04T10:30", None),
        (
            rrule("FREQ=DAILY;UNTIL=20260103T083000Z", "2026-01-01T10:00", "1h", "Europe/Berlin"),
            "2026-01-03T09:30",
            None,
        ),
        (
            rrule("FREQ=DAILY;UNTIL=20260103T090000Z", "2026-01-01T10:00", "1h", "Europe/Berlin"),
            "2026-01-03T09:30",
            "2026-01-03T09:00/2026-01-03T10:00",
        ),
        (rrule("FREQ=DAILY", "2026-01-01T10:00", "1h"), "2025-12-31T10:30", None),
        (rrule("FREQ=DAILY;INTERVAL=3", "2000-01-01T10:00", "1h"), "2026-11-24T10:30", None),
        (
            rrule("FREQ=DAILY;INTERVAL=3", "2000-01-01T10:00", "1h"),
            "2026-11-25T10:30",
            "2026-11-25T10:00/2026-11-25T11:00",
        ),
        (
            rrule("RRULE:FREQ=MONTHLY;BYDAY=2TU", "2020-01-14T20:00", "4h"),
            "2026-11-10T21:00",
            "2026-11-10T20:00/2026-11-11T00:00",
        ),
        (rrule("FREQ=MONTHLY", "2020-01-31T20:00", "4h"), "2026-11-30T21:00", None),
        (
            rrule("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2020-01-31T20:00", "4h"),
            "2026-11-30T21:00",
            "2026-11-30T20:00/2026-12-01T00:00",
        ),
        (rrule("FREQ=YEARLY", "2020-02-29T00:00", "24h"), "2028-02-29T12:00", "2028-02-29T00:00/2028-03-01T00:00"),
        # intervals: a window over midnight, a weekend, two that touch, a civil day that is 25 hours long
        (
            {"time_intervals": [daily("22:00-24:00", "00:00-06:00")]},
            "2026-11-24T23:00",
            "2026-11-24T22:00/2026-11-25T06:00",
        ),
        (
            {"time_intervals": [{"weekdays": ["saturday:sunday"]}]},
            "2026-11-29T12:00",
            "2026-11-28T00:00/2026-11-30T00:00",
        ),
        ({"time_intervals": [{"weekdays": ["saturday:sunday"]}]}, "2026-11-30T00:00", None),
        (
            {"time_intervals": [{"weekdays": ["saturday"]}, {"weekdays": ["sunday:monday"]}]},
            "2026-11-28T00:00",
            "2026-11-28T00:00/2026-12-01T00:00",
        ),
        (
            {"time_intervals": [daily("09:00-12:00"), daily("11:00-13:00")]},
            "2026-11-28T09:30",
            "2026-11-28T09:00/2026-11-28T13:00",
        ),
        (
            {"time_intervals": [{"weekdays": ["sunday"], "location": NEW_YORK}]},
            "2026-11-01T12:00",
            "2026-11-01T04:00/2026-11-02T05:00",
        ),
        ({"time_intervals": [{"months": ["june:august"]}]}, "2026-07-24T12:00", "2026-06-01T00:00/2026-09-01T00:00"),
    ],
)
def test_the_open_occurrence_says_when_it_began_and_when_it_is_really_over(document, instant, expected):
    assert occurrence_at(from_document(document), at(instant)) == occurrence(expected)


@pytest.mark.parametrize(
    ("document", "after", "expected"),
    [
        (ONCE, "2026-05-01T21:59", "2026-05-01T22:00/2026-05-02T02:00"),
        (ONCE, "2026-05-01T22:00", None),
        (cron("0 2 * * 0", "2h"), "2026-11-24T12:00", "2026-11-29T02:00/2026-11-29T04:00"),
        (cron("0 2 * * 0", "2h"), "2026-11-29T02:00", "2026-12-06T02:00/2026-12-06T04:00"),
        (cron("0 9-16 * * 1-5", "1h"), "2026-11-24T12:30", "2026-11-25T09:00/2026-11-25T17:00"),
        (cron("0 2 * * 0", "2h", NEW_YORK), "2026-03-02T00:00", "2026-03-08T07:00/2026-03-08T09:00"),
        (rrule("FREQ=DAILY;COUNT=3", "2026-01-01T10:00", "1h"), "2026-01-03T10:00", None),
        (
            rrule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2020-02-29T00:00", "1h"),
            "2026-01-01T00:00",
            "2028-02-29T00:00/2028-02-29T01:00",
        ),
        (
            rrule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2096-02-29T00:00", "1h"),
            "2096-03-01T00:00",
            "2104-02-29T00:00/2104-02-29T01:00",
        ),
        (rrule("FREQ=YEARLY;INTERVAL=100", "2020-01-01T00:00", "1h"), "2026-01-01T00:00", None),
        (
            rrule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "2026-01-02T00:00", "1h"),
            "2026-11-01T00:00",
            "2026-11-02T00:00/2026-11-02T01:00",
        ),
        (
            {"time_intervals": [{"weekdays": ["saturday:sunday"]}]},
            "2026-11-28T12:00",
            "2026-12-05T00:00/2026-12-07T00:00",
        ),
        ({"time_intervals": [{"years": ["2020"]}]}, "2026-11-28T12:00", None),
    ],
)
def test_the_next_occurrence_is_found(document, after, expected):
    assert next_occurrence(from_document(document), at(after)) == occurrence(expected)


@pytest.mark.parametrize(
    "document",
    [
        ONCE,
        cron("0 2 * * 0", "1h30m", "Europe/Berlin"),
        cron("@weekly", "1d"),
        rrule("FREQ=MONTHLY;BYDAY=2TU", "2026-01-13T20:00:00", "4h", NEW_YORK),
        {
            "time_intervals": [
                daily("22:00-24:00", "00:00-06:00", weekdays=["monday:friday"]),
                {"days_of_month": ["-1"]},
            ]
        },
    ],
)
def test_a_window_survives_being_stored(document):
    window = from_document(document)
    assert from_document(json.loads(json.dumps(window.to_document()))) == window


def test_a_rule_takes_an_aware_beginning_into_its_zone():
    window = from_document(rrule("FREQ=DAILY", "2026-06-01T08:00:00Z", "1h", "Europe/Berlin"))
    assert window.to_document()["dtstart"] == "2026-06-01T10:00:00"


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({}, "starts_at and ends_at, or one of cron"),
        ({"starts_at": "2026-05-01T22:00:00Z"}, "ends_at is missing"),
        (ONCE | {"cron": "0 2 * * 0"}, "cron does not go with starts_at"),
        (ONCE | {"ends_at": "2026-05-01T22:00:00Z"}, "ends_at: .*after it starts"),
        (ONCE | {"ends_at": "2026-05-02T22:00:00"}, "write the offset"),
        (ONCE | {"ends_at": "tomorrow"}, "ends_at: "),
        (ONCE | {"ends_at": 3}, "ends_at: write a text"),
        ({"cron": "0 2 * * 0"}, "duration is missing"),
        (cron("0 2 * *", "2h"), "cron: .*five fields"),
        (cron("0 0 30 2 *", "2h"), "cron: .*Bad day-of-month"),
        (cron("0 2 * * 0", "2"), "duration: .*such as 30s"),
        (cron("0 2 * * 0", "0s"), "duration: "),
        (cron("0 2 * * 0", "400d"), "duration: "),
        (cron("0 2 * * 0", "2h", "Mars/Olympus"), "timezone: "),
        (cron("* * * * *", "1m"), "duration: .*shorter"),
        (cron("0 * * * *", "90m"), "duration: .*shorter"),
        (cron("0 2 * * *", "1d"), "duration: .*shorter"),
        (rrule("FREQ=DAILY", "2026-01-01T00:00", "25h"), "duration: .*shorter"),
        (rrule("FREQ=DAILY", "noon", "1h"), "dtstart: "),
        ({"time_intervals": []}, "time_intervals: write 1 to"),
        ({"time_intervals": "weekdays"}, "time_intervals: write a list"),
        ({"time_intervals": [{}]}, "time_intervals: .*never ends"),
        ({"time_intervals": [{"years": ["2026"]}] * 21}, "time_intervals: write 1 to"),
        ({"time_intervals": [{"years": ["2026"]}, {"weekdays": ["x"]}]}, r"time_intervals\[1\]: weekdays: 'x'"),
    ],
)
def test_a_window_that_cannot_be_is_refused_with_its_field_and_a_fix(document, hint):
    started = time.process_time()
    with pytest.raises(ValueError, match=f"(?s){hint}"):
        from_document(document)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "document",
    [
        # each minute of the first day of a month; halves of a day that never leave a gap; hundreds of short ones
        cron("0-58/2 0-7 1 * *", "1m59s"),
        {"time_intervals": [daily("00:00-12:00"), daily("12:00-24:00")]},
        {
            "time_intervals": [
                daily(*(f"{h:02}:{m:02}-{h:02}:{m + 1:02}" for h in range(24) for m in range(0, 40, 10)))
            ]
            * 20
        },
        rrule("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;COUNT=1000", "2000-01-01T00:00", "1h"),
        rrule("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA;BYSETPOS=-1;BYHOUR=1,2,3,4,5,6,7,8,9,10", "2000-01-01T00:00", "1h"),
    ],
)
def test_a_dense_or_empty_window_is_answered_soon(document):
    window = from_document(document)
    started = time.process_time()
    occurrence_at(window, at("2026-11-01T00:00:30"))
    next_occurrence(window, at("2026-11-01T00:00:30"))
    assert time.process_time() - started < 2


def test_a_window_without_an_end_in_sight_is_open_whenever_somebody_asks_again():
    window = from_document({"time_intervals": [daily("00:00-12:00"), daily("12:00-24:00")]})
    now = at("2026-11-24T00:00")
    for _ in range(3):
        found = occurrence_at(window, now)
        assert found is not None
        assert found.ends_at > now + timedelta(days=100)
        now = found.ends_at
