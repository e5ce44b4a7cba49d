"""The form for a silence or a maintenance window, and under it what that would hit as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from nicegui import ui

from healthmgr.dashboard.clocks import FROM, FROM_HINT, location_of, own_zone
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import attempt
from healthmgr.dashboard.templates import render
from healthmgr.domain.civil import moment_at
from healthmgr.domain.hits import Hits
from healthmgr.domain.maintenance import Occurrence, Window
from healthmgr.domain.matcher import Matcher
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.silence import read_matchers
from healthmgr.errors import DefinitionError, HealthmgrError, Problem, Unavailable
from healthmgr.services.maintaining import read_window
from healthmgr.views_muting import HitsView

log = structlog.get_logger(__name__)

Foresight = tuple[Hits, list[Occurrence]]
Foresee = Callable[[Mapping[str, str]], Foresight]
Save = Callable[[Mapping[str, str]], Awaitable[None]]
_LOOK_AFTER = "debounce=400"  # ms without a key pressed
_REPEATS = {"": "once", "cron": "by cron, again and again", "rrule": "by a calendar rule (RRULE)"}
_MOST_OPENINGS = 3


def show_form(title: str, matchers: str, foresee: Foresee, save: Save, verb: str, *, is_window: bool = False) -> None:
    """The form; `matchers` fills it in, `foresee` is asked as it is written, in a thread."""
    hits: Pieces
    with ui.element("section").classes("card mute-form").props(f'aria-label="{title}"'):
        ui.html(render("dialog_title", title=title), sanitize=False)
        with ui.element("div").classes("fields"):
            inputs = _inputs(matchers, is_window=is_window)
            send = ui.button(verb).props("unelevated no-caps color=primary")
        hits = Pieces()

    clock = {"zone": ""}

    def given() -> dict[str, str]:
        return clock | {name: str(found.value or "").strip() for name, found in inputs.items()}

    async def learn() -> None:
        clock["zone"] = await _zone_or_none(inputs)
        await look()

    async def look() -> None:
        hits.show([("hits", await _foreseen(given(), foresee))])

    async def submit() -> None:
        if await attempt(save, given()):
            for name in ("matchers", "comment", "name"):
                if name in inputs:
                    inputs[name].value = ""

    for name in set(inputs) - {"name", "comment"}:
        inputs[name].on_value_change(look)
    send.on_click(submit)
    ui.timer(0.1, learn, once=True)


async def _zone_or_none(inputs: Mapping[str, Any]) -> str:
    """The viewer's zone, put where a form asks for one; "" where the browser does not tell it."""
    try:
        found = await own_zone()
    except Unavailable as error:
        log.warning("clock_unknown", error=str(error))
        return ""
    if "timezone" in inputs:
        inputs["timezone"].value = found
    return found


def _inputs(matchers: str, *, is_window: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if is_window:
        found["name"] = ui.input("Name").props("maxlength=100 dense outlined")
    found["matchers"] = (
        ui.input("Matchers, such as service=shop, host=~db-.*", value=matchers[:5000])
        .classes("grows")
        .props(f"{_LOOK_AFTER} dense outlined")
    )
    begin = ui.input(FROM).props(f'{_LOOK_AFTER} dense outlined placeholder="{FROM_HINT}"').classes("moment")
    found["starts_at"] = begin
    found["lasts_for"] = ui.input("For", value="2h").props(f"{_LOOK_AFTER} dense outlined").classes("short")
    if is_window:
        repeats = ui.select(_REPEATS, value="", label="How often").props("dense outlined")
        rule = ui.input("Rule, such as 0 2 * * 0 or FREQ=WEEKLY;BYDAY=SU").classes("grows")
        place = ui.input("Time zone of the rule", value="UTC")
        for one in (rule, place):
            one.props(f"{_LOOK_AFTER} dense outlined maxlength=500").bind_visibility_from(repeats, "value")
        begin.bind_visibility_from(repeats, "value", backward=lambda kind: kind != "cron")
        found |= {"repeats": repeats, "rule": rule, "timezone": place}
        found["covers_dependents"] = ui.checkbox("and what hangs on it")
    found["comment"] = ui.input("Why").classes("grows").props("maxlength=2000 dense outlined")
    return found


def foresee_silence(place: Place, given: Mapping[str, str]) -> Foresight:
    """What a silence with these matchers would hit now."""
    return place.healthmgr.silencing.preview(matchers_of(given["matchers"])), []


def foresee_window(place: Place, given: Mapping[str, str]) -> Foresight:
    """What a window would hit if it were open now, and when it opens."""
    now = place.healthmgr.now()
    window = window_of(given, now)
    matchers, covers = matchers_of(given["matchers"]), given["covers_dependents"] == "True"
    found = place.healthmgr.maintaining.preview(matchers, covers_dependents=covers)
    return found, list(islice(window.occurrences(now), _MOST_OPENINGS))


def window_of(given: Mapping[str, str], now: datetime) -> Window:
    """When the window is open. Raises DefinitionError."""
    begin, length = begin_of(given, now) or now, length_of(given["lasts_for"])
    repeats = given["repeats"]
    if not repeats:
        return read_window({"starts_at": begin, "ends_at": begin + length})
    rule = {repeats: given["rule"], "duration": given["lasts_for"], "timezone": given["timezone"] or "UTC"}
    return read_window(rule | ({"dtstart": begin.replace(second=0, microsecond=0)} if repeats == "rrule" else {}))


def matchers_of(text: str) -> tuple[Matcher, ...]:
    """The matchers that were written."""
    return read_matchers([text])


def length_of(text: str) -> timedelta:
    """The length that was written. Raises DefinitionError."""
    try:
        return parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="for")]) from error


def begin_of(given: Mapping[str, str], now: datetime) -> datetime | None:
    """When it begins, by the clock of whoever wrote it where it names no zone; None: now. Raises DefinitionError."""
    text = given["starts_at"]
    return moment_at(text, now, location_of(given["zone"]), "from") if text else None


async def _foreseen(given: Mapping[str, str], foresee: Foresee) -> str:
    if not given["matchers"]:
        return render("mute_hits", hits=None, fault="", opens=[])
    try:
        found, opens = await asyncio.to_thread(lambda: foresee(given))
    except HealthmgrError as error:
        return render("mute_hits", hits=None, fault=str(error), opens=[])
    return render("mute_hits", hits=HitsView.of(found), fault="", opens=opens)
