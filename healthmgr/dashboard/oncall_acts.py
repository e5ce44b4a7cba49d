"""What people do about who is on call: overrides, replacements for a while, swaps; shown before it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.templates import render
from healthmgr.domain.civil import local, moments_between, until
from healthmgr.domain.roster import Changed, Outlook, read_shift
from healthmgr.domain.schedule import Override, Span, Temporary
from healthmgr.domain.swap import Stretch, Swap
from healthmgr.errors import DefinitionError, HealthmgrError, Problem
from healthmgr.services.rostering import Answer, Hand
from healthmgr.services.subscribing import Subject
from healthmgr.services.tokens import Role

ACTS = ("override", "temporary", "swap", "accept", "decline", "withdraw", "take_back", "address")
T = TypeVar("T")
_WHY = Field("comment", "Why")
_SAID = {
    Answer.ACCEPT: "The two have changed shifts",
    Answer.DECLINE: "It is declined: nothing changes",
    Answer.WITHDRAW: "It is withdrawn: nothing changes",
}


async def act(place: Place, schedule: str, location: ZoneInfo, data: Mapping[str, str]) -> None:
    """Ask for what the act needs, and do it. Raises the errors of the use case."""
    place.demand(Role.RESPONDER)
    match data["act"]:
        case "override":
            await _override(place, schedule, location, data)
        case "temporary":
            await _replace(place, schedule, location)
        case "swap":
            await _swap(place, schedule, location)
        case "take_back":
            rostering, change = place.healthmgr.oncall.rostering, UUID(data["id"])
            await asyncio.to_thread(lambda: rostering.remove(change, _hand(place), place.healthmgr.now()))
            _say("It is taken back")
        case "address":
            await _show_address(place, schedule)
        case answer:
            await _answer(place, Answer(answer), data)


async def _override(place: Place, schedule: str, location: ZoneInfo, data: Mapping[str, str]) -> None:
    people = await _people(place)
    person = data.get("person", "")
    fields = [
        Field("add", "Who is put on call", options={"": "nobody", **people}),
        Field("remove", "Who is taken off", person if person in people else "", options={"": "nobody", **people}),
        *_times(location, data, place.healthmgr.now()),
        _WHY,
    ]

    def made(given: Mapping[str, str]) -> Override:
        begin, end = _moments(place, given, location)
        return _made(lambda: Override(begin, end, given["add"], given["remove"]))

    async def look(given: Mapping[str, str]) -> str:
        if not given["add"] and not given["remove"]:
            return render("rota_outlook", rows=[], fault="", is_other=True)
        return await _outlook(place, schedule, location, lambda: made(given))

    given = await ask(f"Change who is on call in {schedule}", fields, "Override", look=look)
    if given is not None:
        rostering = place.healthmgr.oncall.rostering
        hand, now = _hand(place), place.healthmgr.now()
        changed = await asyncio.to_thread(
            lambda: rostering.override(schedule, made(given), hand, now, given["comment"])
        )
        _tell(changed, location)


async def _replace(place: Place, schedule: str, location: ZoneInfo) -> None:
    fields = [
        *_times(location, {}, place.healthmgr.now()),
        Field("shifts", "Who is on call then, each on a line", is_long=True,
              hint="alice, or for a part of it: alice 2026-11-24T18:00/2026-11-25T09:00"),
        _WHY,
    ]  # fmt: skip

    def made(given: Mapping[str, str]) -> Temporary:
        begin, end = _moments(place, given, location)
        now, lines = place.healthmgr.now(), [line for line in given["shifts"].splitlines() if line.strip()]
        return _made(
            lambda: Temporary(
                begin, end, tuple(read_shift(line, begin, end, now, location, "shifts") for line in lines)
            )
        )

    async def look(given: Mapping[str, str]) -> str:
        return await _outlook(place, schedule, location, lambda: made(given))

    said = "In this time only these shifts hold: neither rotations nor overrides. No line: nobody is on call."
    given = await ask(f"Replace {schedule} for a while", fields, "Replace", said=said, look=look)
    if given is not None:
        rostering = place.healthmgr.oncall.rostering
        hand, now = _hand(place), place.healthmgr.now()
        changed = await asyncio.to_thread(
            lambda: rostering.replace_for_a_while(schedule, made(given), hand, now, given["comment"])
        )
        _tell(changed, location)


async def _swap(place: Place, schedule: str, location: ZoneInfo) -> None:
    people = await _people(place)
    by = {name: name for name in people if place.may(Role.ADMIN) or name == place.name} or {place.name: place.name}
    fields = [
        Field("by", "Who gives", place.name if place.name in by else "", options=by),
        Field("other", "Who is asked to take it", options=people),
        *_times(location, {}, place.healthmgr.now()),
        Field("take_from", "Taken in return, from (empty: nothing)"),
        Field("take_to", "Taken in return, to"),
        _WHY,
    ]
    given = await ask(f"Propose a swap in {schedule}", fields, "Propose", said="Nothing changes before they accept.")
    if given is None:
        return
    now = place.healthmgr.now()
    gives = _moments(place, given, location)
    takes = None
    if given["take_from"] or given["take_to"]:
        takes = moments_between(given["take_from"], given["take_to"], now, location, "take_")
    wanted = _made(lambda: Swap(given["by"], given["other"], Stretch(*gives), Stretch(*takes) if takes else None))
    rostering = place.healthmgr.oncall.rostering
    await asyncio.to_thread(lambda: rostering.propose(schedule, wanted, _hand(place), now, given["comment"]))
    _say(f"{given['other']} is asked")


async def _answer(place: Place, answer: Answer, data: Mapping[str, str]) -> None:
    rostering, swap = place.healthmgr.oncall.rostering, UUID(data["id"])
    now = place.healthmgr.now()
    await asyncio.to_thread(lambda: rostering.answer(swap, answer, data["by"], _hand(place), now))
    _say(_SAID[answer])


async def _show_address(place: Place, schedule: str) -> None:
    healthmgr = place.healthmgr
    address = healthmgr.oncall.subscribing.address(Subject.SCHEDULE, schedule, healthmgr.settings.public_url)
    said = "Whoever knows this address reads the shifts, in any calendar that takes iCal, without signing in."
    await ask(f"The calendar of {schedule}", [Field("address", "Address", address)], "Close", said=said)


async def _outlook(place: Place, schedule: str, location: ZoneInfo, made: Callable[[], Override | Temporary]) -> str:
    """Who is on call then, as it is and as it would be."""

    def find() -> Outlook:
        return place.healthmgr.oncall.rostering.try_out(schedule, made(), place.healthmgr.now())

    try:
        found = await asyncio.to_thread(find)
    except HealthmgrError as error:
        return render("rota_outlook", rows=[], fault=str(error), is_other=True)
    rows = _rows(found, location)
    return render("rota_outlook", rows=rows, fault="", is_other=any(row["before"] != row["after"] for row in rows))


def _rows(outlook: Outlook, location: ZoneInfo) -> list[dict[str, str]]:
    """Each time over which neither answer changes."""
    begins = sorted({span.starts_at for span in (*outlook.before, *outlook.after)})
    ends = [*begins[1:], outlook.after[-1].ends_at]
    return [
        {
            "when": f"{local(begin, location)} to {until(end, begin, location)}",
            "before": ", ".join(_at(outlook.before, begin).people),
            "after": ", ".join(_at(outlook.after, begin).people),
        }
        for begin, end in zip(begins, ends, strict=True)
    ]


def _at(spans: tuple[Span, ...], at: datetime) -> Span:
    return next(span for span in spans if span.starts_at <= at < span.ends_at)


def _times(location: ZoneInfo, data: Mapping[str, str], now: datetime) -> tuple[Field, Field]:
    begin = max(datetime.fromisoformat(data["begin"]), now) if data.get("begin") else None
    end = datetime.fromisoformat(data["end"]) if data.get("end") else None
    hint = f"2026-11-24 18:00, 18:00, tomorrow 09:00 or now; by the clock of {location.key}"
    return (
        Field("from", "From", _written(begin, location) or "now", is_required=True, hint=hint),
        Field("to", "To", _written(end, location), is_required=True),
    )


def _written(at: datetime | None, location: ZoneInfo) -> str:
    return f"{at.astimezone(location):%Y-%m-%d %H:%M}" if at else ""


def _moments(place: Place, given: Mapping[str, str], location: ZoneInfo) -> tuple[datetime, datetime]:
    return moments_between(given["from"], given["to"], place.healthmgr.now(), location, "")


def _made(make: Callable[[], T]) -> T:
    """What the domain makes of what was written; its complaint, where it makes nothing of it, names the field."""
    try:
        return make()
    except ValueError as error:
        path, _, message = str(error).partition(": ")
        raise DefinitionError([Problem(message or path, path=path if message else "")]) from error


def _hand(place: Place) -> Hand:
    return Hand(place.name, place.origin, is_bound=not place.may(Role.ADMIN))


async def _people(place: Place) -> dict[str, str]:
    reading = place.healthmgr.oncall.people
    return {name: name for name in await place.live.ask("names of people", reading.names, 5)}


def _tell(changed: Changed, location: ZoneInfo) -> None:
    _say("Who is on call is changed")
    for span in changed.unattended:
        when = f"{local(span.starts_at, location)} to {until(span.ends_at, span.starts_at, location)}"
        ui.notify(f"Nobody is on call from {when}", type="warning", position="top", multi_line=True)


def _say(words: str) -> None:
    ui.notify(words, type="positive", position="top")
