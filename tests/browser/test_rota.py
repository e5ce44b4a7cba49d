"""A schedule laid out as weeks of bars."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from healthmgr.dashboard.rota import COLOURS, Week, colours_of, midnight, monday, weeks_of
from healthmgr.domain.coverage import findings
from healthmgr.domain.schedule import FixedShift, Layer, Override, Schedule, shifts_of
from healthmgr.views_oncall import FindingView, ScheduleView, ShiftView, SpanView

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def laid_out(
    schedule: Schedule, first: date, weeks: int = 1, *others: Schedule, now: datetime | None = None
) -> list[Week]:
    begin, end = midnight(first, BERLIN), midnight(first + timedelta(weeks=weeks), BERLIN)
    spans = schedule.spans(begin, end)
    wrong = [one for one in findings([schedule, *others], begin, end) if schedule.name in one.schedules]
    view = ScheduleView(
        name=schedule.name, description="", timezone="Europe/Berlin", managed_by="test", begin=begin, end=end,
        on_call=[], spans=[SpanView.of(span) for span in spans],
        shifts=[ShiftView.of(one) for one in shifts_of(spans)],
        findings=[FindingView.of(one) for one in wrong], burdens=[], feeds=[], changes=[], swaps=[], unverified=[],
    )  # fmt: skip
    return weeks_of(view, first, weeks, BERLIN, now or begin - timedelta(days=1))


def shifts(*given: tuple[str, str, str]) -> Layer:
    return Layer("fixed", shifts=tuple(FixedShift(who, at(begin), at(end)) for who, begin, end in given))


def test_a_shift_lies_where_the_clock_on_the_wall_says() -> None:
    [week] = laid_out(Schedule("s", (shifts(("alice", "2026-03-03 12:00", "2026-03-05 00:00")),)), date(2026, 3, 2))
    bars = {bar.kind: bar for lane in week.lanes for bar in lane if bar.person or bar.left == 0}
    assert (bars["shift"].left, bars["shift"].width) == (21.429, 21.429)
    assert bars["shift"].words == "alice, Tue 2026-03-03 12:00 to Thu 2026-03-05 00:00"
    assert (bars["gap"].left, bars["gap"].words) == (0, "nobody, until Tue 2026-03-03 12:00")


@pytest.mark.parametrize("sunday", ["2026-03-29", "2026-10-25"])
def test_a_day_on_which_the_clocks_change_is_as_wide_as_any(sunday: str) -> None:
    first = monday(date.fromisoformat(sunday))
    [week] = laid_out(Schedule("s", (shifts(("alice", f"{sunday} 00:00", f"{sunday} 12:00")),)), first)
    [bar] = [bar for lane in week.lanes for bar in lane if bar.kind == "shift"]
    assert (bar.left, bar.width) == (85.714, 7.143)


def test_a_shift_over_sunday_is_a_bar_in_each_week() -> None:
    layer = shifts(("alice", "2026-03-07 00:00", "2026-03-10 00:00"))
    first, second = laid_out(Schedule("s", (layer,)), date(2026, 3, 2), 2)
    [end] = [bar for lane in first.lanes for bar in lane if bar.kind == "shift"]
    [start] = [bar for lane in second.lanes for bar in lane if bar.kind == "shift"]
    assert (end.right, start.left) == (100, 0)
    assert end.words == start.words == "alice, Sat 2026-03-07 00:00 to Tue 2026-03-10 00:00"


def test_people_at_one_time_lie_in_lanes_and_double_bookings_below() -> None:
    both = Schedule("both", (Layer("all", people=("alice", "bob")),))
    other = Schedule("other", (Layer("all", people=("bob",)),))
    [week] = laid_out(both, date(2026, 3, 2), 1, other)
    assert [[bar.person for bar in lane] for lane in week.lanes] == [["alice"], ["bob"], ["bob"]]
    assert week.lanes[2][0].words == "bob also in other, all of the time shown"


def test_what_an_override_empties_is_marked() -> None:
    override = Override(at("2026-03-03 10:00"), at("2026-03-03 12:00"), remove="alice")
    [week] = laid_out(Schedule("s", (Layer("all", people=("alice",)),), (override,)), date(2026, 3, 2))
    assert [bar.kind for bar in week.lanes[0]] == ["shift", "empty_shift", "shift"]


def test_this_instant_stands_in_its_week_alone() -> None:
    weeks = laid_out(Schedule("s"), date(2026, 3, 2), 2, now=at("2026-03-09 12:00"))
    assert [week.now for week in weeks] == [None, pytest.approx(100 / 14)]


def test_people_keep_their_colours_and_share_none_while_there_are_enough() -> None:
    people = [f"person {number}" for number in range(COLOURS)]
    assert sorted(colours_of(people).values()) == list(range(COLOURS))
    assert len(colours_of([*people, "one more"])) == COLOURS + 1
    assert colours_of(["alice", "bob"])["alice"] == colours_of(["alice"])["alice"]
