"""Layers as they are written: what each form means, and what is said about the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from healthmgr.domain.layer_document import parse_layer
from healthmgr.domain.rotation import Rotation, Unit
from healthmgr.domain.schedule import Layer
from healthmgr.domain.timewindow import TimeInterval

BERLIN = ZoneInfo("Europe/Berlin")
WEEKLY = {"type": "weekly", "start": "2026-01-05 09:00", "members": ["ada", "bob"]}


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in WEEKLY.items() if name != field}


def test_a_rotation_is_written_with_type_start_and_members():
    assert parse_layer(WEEKLY | {"name": "L1", "timezone": "Europe/Berlin", "length": 2, "priority": 3}) == Layer(
        name="L1",
        rotation=Rotation(("ada", "bob"), datetime.fromisoformat("2026-01-05T09:00"), BERLIN, Unit.WEEK, 2),
        priority=3,
    )


@pytest.mark.parametrize(
    ("written", "unit"),
    [("hourly", Unit.HOUR), ("daily", Unit.DAY), ("weekly", Unit.WEEK), ("monthly", Unit.MONTH)],
)
def test_the_type_says_what_the_length_counts(written, unit):
    rotation = parse_layer(WEEKLY | {"type": written, "length": 4}).rotation
    assert (rotation.unit, rotation.length) == (unit, 4)


def test_people_without_a_rotation_are_on_call_at_all_times():
    assert parse_layer({"people": ["ada"]}) == Layer(name="", people=("ada",))


@pytest.mark.parametrize("start", ["2026-01-05 09:00", "2026-01-05T09:00", "2026-01-05 09:00:00", "'2026-01-05 09:00'"])
def test_a_start_may_be_written_in_yaml_with_and_without_quotes(start):
    document = WEEKLY | {"start": yaml.safe_load(start)}
    assert parse_layer(document).rotation.start == datetime.fromisoformat("2026-01-05T09:00")


def test_a_start_that_is_a_day_means_its_midnight():
    document = WEEKLY | {"start": yaml.safe_load("2026-01-05")}
    assert parse_layer(document).rotation.start == datetime.fromisoformat("2026-01-05T00:00")


def test_weekdays_and_hours_are_on_the_clock_of_the_layer():
    nights = [{"start_time": "22:00", "end_time": "24:00"}]
    layer = parse_layer(WEEKLY | {"weekdays": ["monday:friday"], "hours": [{"times": nights}]}, BERLIN)
    assert layer.hours == (TimeInterval(times=((22 * 60, 24 * 60),), weekdays=((1, 5),), location=BERLIN),)
    assert parse_layer(WEEKLY | {"weekdays": ["sunday"]}, BERLIN).hours == (
        TimeInterval(weekdays=((0, 0),), location=BERLIN),
    )


def test_hours_that_name_weekdays_or_a_zone_of_their_own_keep_them():
    hours = [{"weekdays": ["sunday"], "location": "Asia/Tokyo"}, {"months": ["june"]}]
    layer = parse_layer(WEEKLY | {"weekdays": ["monday"], "timezone": "Europe/Berlin", "hours": hours})
    assert layer.hours == (
        TimeInterval(weekdays=((0, 0),), location=ZoneInfo("Asia/Tokyo")),
        TimeInterval(weekdays=((1, 1),), months=((6, 6),), location=BERLIN),
    )


def test_from_and_until_are_on_the_clock_of_the_layer():
    layer = parse_layer({"people": ["ada"], "from": "2026-06-01 09:00", "until": "2026-12-01 09:00"}, BERLIN)
    assert layer.starts_at == datetime(2026, 6, 1, 7, tzinfo=UTC)
    assert layer.ends_at == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert not layer.holds_at(layer.starts_at - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "type: is missing"),
        (without("start"), "start: is missing"),
        (without("members"), "members: is missing"),
        (WEEKLY | {"member": ["ada"]}, "member: there is no such field; there are name, type"),
        (WEEKLY | {7: 1}, "7: there is no such field"),
        (WEEKLY | {"type": "yearly"}, "type: 'yearly' will not do: write one of hourly, daily"),
        (WEEKLY | {"type": ["weekly"]}, "type: "),
        (WEEKLY | {"length": 0}, "length: '0' will not do: write a whole number from 1"),
        (WEEKLY | {"length": True}, "length: "),
        (WEEKLY | {"length": 1.5}, "length: "),
        (WEEKLY | {"length": "2"}, "length: "),
        (WEEKLY | {"start": "Monday"}, "start: 'Monday' will not do: write a day and a time"),
        (WEEKLY | {"start": "2026-01-05T09:00Z"}, "start: .*without a zone"),
        (WEEKLY | {"start": 5}, "start: "),
        (WEEKLY | {"start": "1901-01-05 09:00"}, "start: write a year"),
        (WEEKLY | {"timezone": "Mars/Olympus"}, "timezone: there is no time zone 'Mars/Olympus'"),
        (WEEKLY | {"timezone": 3}, "timezone: "),
        (WEEKLY | {"members": []}, "members: "),
        (WEEKLY | {"members": "ada"}, "members: 'ada' will not do: write a list"),
        (WEEKLY | {"members": ["ada", 3]}, "members: "),
        (WEEKLY | {"members": ["ada", " "]}, "members: "),
        (WEEKLY | {"people": ["ada"]}, "type: people do not take turns"),
        ({"people": ["ada"], "length": 2}, "length: people do not take turns"),
        ({"people": "ada"}, "people: "),
        (WEEKLY | {"priority": "high"}, "priority: "),
        (WEEKLY | {"priority": 10_000}, "priority: "),
        (WEEKLY | {"name": 3}, "name: "),
        (WEEKLY | {"weekdays": ["someday"]}, "weekdays: 'someday' will not do"),
        (WEEKLY | {"weekdays": "monday"}, "weekdays: "),
        (WEEKLY | {"hours": []}, "hours: "),
        (WEEKLY | {"hours": "09:00"}, "hours: "),
        (WEEKLY | {"hours": [{"times": []}]}, r"hours\[0\]: times: "),
        (WEEKLY | {"hours": [{}, 3]}, r"hours\[1\]: "),
        (WEEKLY | {"from": "tomorrow"}, "from: "),
        (WEEKLY | {"until": "tomorrow"}, "until: "),
        (WEEKLY | {"from": "2026-02-01 09:00", "until": "2026-02-01 09:00"}, "until: "),
    ],
)
def test_a_layer_that_will_not_do_is_told_by_its_field(document, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        parse_layer(document)
