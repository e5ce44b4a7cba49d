"""Who is on call: all schedules at a glance, and each as a calendar with what is wrong with it and what changes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from nicegui import ui

from healthmgr.dashboard.oncall_acts import ACTS, act
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.rota import colours_of, midnight, monday, weeks_of
from healthmgr.dashboard.shell import ROOT, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.calendar import zone
from healthmgr.domain.civil import local
from healthmgr.domain.coverage import ABSENCE_WORDS
from healthmgr.errors import NotFound
from healthmgr.services.tokens import Role
from healthmgr.views_oncall import ScheduleLineView, ScheduleView

PARTS = (("/oncall", "Schedules"), ("/people", "People"), ("/simulate", "Simulate"))
_CHOICES = (7, 14, 28, 56, 84)  # days that a calendar shows: whole weeks
_USUAL = 28
_YEARS = (1971, 2198)  # in which a calendar may begin
_MOST_FINDINGS = 8
_AHEAD = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Look:
    """What of a schedule is looked at, and by whose clock: it stands in the address. `begin` None: this week."""

    name: str
    begin: date | None
    days: int
    location: ZoneInfo
    zone: str
    today: date

    @property
    def first(self) -> date:
        """The Monday that the calendar begins with."""
        return monday(self.begin or self.today)

    @property
    def earlier(self) -> str:
        """Where the calendar before this one begins."""
        return (self.first - timedelta(days=self.days)).isoformat()

    @property
    def later(self) -> str:
        """Where the calendar after this one begins."""
        return (self.first + timedelta(days=self.days)).isoformat()

    def address(self, **changed: str | int) -> str:
        """The address of this look with something else in it."""
        kept = {"begin": self.begin.isoformat() if self.begin else "", "days": self.days, "zone": self.zone}
        query = {name: value for name, value in {**kept, **changed}.items() if value not in ("", _USUAL)}
        address = f"{ROOT}/oncall/{quote(self.name, safe='')}"
        return f"{address}?{urlencode(query)}" if query else address


@page("/oncall", "On-call")
async def show_oncall(place: Place) -> None:
    """All schedules, live: who is on call, who is next, and what is wrong in the coming two weeks."""
    show_parts("/oncall")
    kept = Pieces()

    async def refresh(where: Place) -> None:
        healthmgr = where.healthmgr
        schedules = await _lines(where)
        now = healthmgr.now
        findings = await where.live.ask("findings", lambda: healthmgr.oncall.reading.findings(now(), _AHEAD), 10)
        lines = [_told(one, now()) for one in schedules]
        shown = [("lines", render("oncall_lines", schedules=lines, absences=ABSENCE_WORDS, root=ROOT))]
        if findings:
            wrong = {"findings": findings, "most": _MOST_FINDINGS, "with_schedule": True, "absences": ABSENCE_WORDS}
            shown.append(("wrong", render("oncall_wrong", **wrong)))
        kept.show(shown)

    await refresh(place)
    keep_fresh(refresh, place)


@page("/oncall/{name}", "On-call", has_heading=False)
async def show_schedule(place: Place, name: str, begin: str = "", days: int = _USUAL, zone: str = "") -> None:
    """One schedule as a calendar, live."""
    line = await _line(place, name)
    look = _look(line, begin, days, zone, place.healthmgr.now())
    head = Pieces()
    with ui.element("div").classes("columns"):
        with ui.element("section").classes("wide"):
            bar = {"look": look, "choices": _CHOICES, "timezone": line.timezone}
            ui.html(render("rota_bar", **bar), sanitize=False)
            main = Pieces()
        with ui.element("aside").classes("after"):
            sides = Pieces()

    async def refresh(where: Place) -> None:
        now = where.healthmgr.now()
        shown = await _line(where, name)
        first = look.begin or monday(now.astimezone(look.location).date())
        found = await where.live.ask(("schedule", look, first), lambda: _read(where, look, first))
        told = _told(shown, now)
        may = {"may_act": where.may(Role.RESPONDER), "now": now, "root": ROOT}
        head.show([("head", render("rota_head", line=told, view=found, absences=ABSENCE_WORDS, **may))])
        main.show(_main(found, look, first, now, may))
        sides.show(_sides(where, found, may))

    on_acts({verb: partial(act, place, look.name, look.location) for verb in ACTS})
    await refresh(place)
    keep_fresh(refresh, place)


def show_parts(here: str) -> None:
    """The ways between the pages about who is on call."""
    ui.html(render("oncall_parts", parts=PARTS, here=here, root=ROOT), sanitize=False)


async def _lines(place: Place) -> list[ScheduleLineView]:
    healthmgr = place.healthmgr
    return await place.live.ask("schedule lines", lambda: healthmgr.oncall.reading.schedules(healthmgr.now()))


async def _line(place: Place, name: str) -> ScheduleLineView:
    found = next((one for one in await _lines(place) if one.name == name), None)
    if found is None:
        raise NotFound(f"There is no schedule {name!r}: the page On-call lists all")
    return found


def _read(place: Place, look: Look, first: date) -> ScheduleView:
    begin = midnight(first, look.location)
    end = midnight(first + timedelta(days=look.days), look.location)
    return place.healthmgr.oncall.reading.schedule_within(look.name, begin, end, place.healthmgr.now())


def _look(line: ScheduleLineView, begin: str, days: int, wanted: str, now: datetime) -> Look:
    """What stands in the address; what cannot be meant is as if it were not there."""
    try:
        location = zone(wanted[:100]) if wanted else zone(line.timezone)
    except ValueError:
        wanted, location = "", zone(line.timezone)
    try:
        first = monday(date.fromisoformat(begin)) if begin else None
    except ValueError:
        first = None
    if first is not None and not _YEARS[0] <= first.year <= _YEARS[1]:
        first = None
    today = now.astimezone(location).date()
    return Look(line.name, first, days if days in _CHOICES else _USUAL, location, wanted, today)


def _told(line: ScheduleLineView, now: datetime) -> dict[str, Any]:
    """A line with its times by the schedule's own clock as well."""
    location = zone(line.timezone)
    there = {
        "now": f"{now.astimezone(location):%a %H:%M}",
        "until": local(line.until, location) if line.until else "",
        "next": local(line.next_at, location) if line.next_at else "",
    }
    return {**line.model_dump(), "there": there}


def _main(view: ScheduleView, look: Look, first: date, now: datetime, may: dict[str, Any]) -> list[tuple[str, str]]:
    weeks = weeks_of(view, first, look.days // 7, look.location, now)
    today = now.astimezone(look.location).date()
    shown = [("weeks", render("rota_weeks", weeks=weeks, today=today, **may))]
    if view.findings:
        wrong = {"findings": view.findings, "most": _MOST_FINDINGS, "with_schedule": False, "absences": ABSENCE_WORDS}
        shown.append(("wrong", render("oncall_wrong", **wrong)))
    share = {
        "burdens": view.burdens,
        "whole": sum(one.total for one in view.burdens) or 1,
        "colours": colours_of(shift.person for shift in view.shifts),
        "weeks": look.days // 7,
        "timezone": view.timezone,
    }
    return [*shown, ("fair", render("rota_fair", **share))]


def _sides(place: Place, view: ScheduleView, may: dict[str, Any]) -> list[tuple[str, str]]:
    unverified = list(dict.fromkeys(f"{one.person} over {one.channel}" for one in view.unverified))
    who = {"me": place.name, "is_admin": place.may(Role.ADMIN)}
    return [
        ("swaps", render("rota_swaps", swaps=view.swaps, **who, **may)),
        ("changes", render("rota_changes", changes=view.changes, **may)),
        ("feeds", render("rota_feeds", feeds=view.feeds, unverified=unverified, **may)),
    ]
