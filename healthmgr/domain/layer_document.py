"""A layer of a schedule as people write it in YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from healthmgr.domain.calendar import zone
from healthmgr.domain.rotation import MOST_MEMBERS, MOST_UNITS, Rotation, Unit
from healthmgr.domain.schedule import Layer
from healthmgr.domain.timewindow import TimeInterval, instant_of, parse_time_interval

_UNITS: Mapping[str, Unit] = {
    "hourly": Unit.HOUR,
    "daily": Unit.DAY,
    "weekly": Unit.WEEK,
    "monthly": Unit.MONTH,
}
_OF_A_ROTATION = ("type", "length", "start", "members")
_FIELDS = ("name", *_OF_A_ROTATION, "people", "timezone", "weekdays", "hours", "priority", "from", "until")
_UTC = ZoneInfo("UTC")
_MOST_INTERVALS = 100
_MOST_PRIORITY = 1000

T = TypeVar("T")


def parse_layer(document: Mapping[str, Any], default_zone: ZoneInfo = _UTC) -> Layer:
    """A layer as written: a rotation, or `people` who are on call at all times that it holds.

    Rotation: `type` (hourly, daily, weekly, monthly), `length` (how many of them a turn lasts; 1), `start` ("2026-01-05
    09:00"), `members`. `timezone` is whose clock that is, and `default_zone` where it is not said. `weekdays` narrow
    the layer to these days, `hours` to intervals as parse_time_interval reads them, in the layer's zone where they
    name none. `from` and `until` are when the layer begins and ends, on the same clock. Of the layers that have
    somebody, those of the highest `priority` (0) hold. Raises ValueError that names the field and what to write.
    """
    unknown = sorted(str(field) for field in set(document) - set(_FIELDS))
    if unknown:
        raise ValueError(f"{unknown[0]}: there is no such field; there are {', '.join(_FIELDS)}")
    location = _at("timezone", _zone, document["timezone"]) if "timezone" in document else default_zone
    rotation = _rotation(document, location)
    people = _names("people", document["people"]) if "people" in document else ()
    starts_at, ends_at = (
        instant_of(_civil(field, document[field]), location) if field in document else None
        for field in ("from", "until")
    )
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise ValueError("until: a layer has to end after it begins")
    return Layer(
        name=_text("name", document.get("name", "")),
        rotation=rotation,
        people=people,
        hours=_hours(document, location),
        priority=_number("priority", document.get("priority", 0), -_MOST_PRIORITY, _MOST_PRIORITY),
        starts_at=starts_at,
        ends_at=ends_at,
    )


def _rotation(document: Mapping[str, Any], location: ZoneInfo) -> Rotation | None:
    given = [field for field in _OF_A_ROTATION if field in document]
    if "people" in document:
        if given:
            raise ValueError(f"{given[0]}: people do not take turns; write members instead, or leave {given[0]} out")
        return None
    missing = [field for field in ("type", "start", "members") if field not in document]
    if missing:
        raise ValueError(f"{missing[0]}: is missing; a layer has type, start and members, or people alone")
    kind = document["type"]
    if not isinstance(kind, str) or kind not in _UNITS:
        raise _wrong("type", kind, f"write one of {', '.join(_UNITS)}")
    return Rotation(
        members=_names("members", document["members"]),
        start=_civil("start", document["start"]),
        location=location,
        unit=_UNITS[kind],
        length=_number("length", document.get("length", 1), 1, MOST_UNITS),
    )


def _hours(document: Mapping[str, Any], location: ZoneInfo) -> tuple[TimeInterval, ...]:
    """`weekdays` alone are an interval; beside `hours` they hold for each that names none of its own."""
    weekdays = {"weekdays": document["weekdays"]} if "weekdays" in document else {}
    if "hours" not in document:
        written: list[Any] = [{}] if weekdays else []
    else:
        written = document["hours"]
        if not isinstance(written, list | tuple) or not 1 <= len(written) <= _MOST_INTERVALS:
            raise _wrong("hours", written, f"write a list of 1 to {_MOST_INTERVALS} intervals, or leave it out")
    intervals = []
    for place, interval in enumerate(written):
        if not isinstance(interval, Mapping):
            raise _wrong(f"hours[{place}]", interval, "write {times: [{start_time: '09:00', end_time: '17:00'}]}")
        field = f"hours[{place}]" if "hours" in document else ""
        intervals.append(_at(field, parse_time_interval, {"location": location.key} | weekdays | dict(interval)))
    return tuple(intervals)


def _civil(field: str, value: object) -> datetime:
    """A time on the wall. YAML makes a datetime of an unquoted one with seconds, and a date of a date."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise _wrong(field, value, "write a day and a time, such as '2026-01-05 09:00'") from error
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, datetime.min.time())
    if not isinstance(value, datetime) or value.tzinfo is not None or value.microsecond:
        raise _wrong(field, value, "write a day and a time without a zone, such as '2026-01-05 09:00'")
    return value


def _names(field: str, value: object) -> tuple[str, ...]:
    is_list = isinstance(value, list | tuple) and 1 <= len(value) <= MOST_MEMBERS
    if not is_list or not all(isinstance(name, str) and name.strip() for name in value):  # type: ignore[attr-defined]
        raise _wrong(field, value, f"write a list of 1 to {MOST_MEMBERS} people")
    return tuple(value)  # type: ignore[arg-type]


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(field, value, "write text")
    return value


def _number(field: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _wrong(field, value, f"write a whole number from {least} to {most}")
    return value


def _zone(value: object) -> ZoneInfo:
    return zone(_text("timezone", value))


def _at(field: str, read: Callable[[Any], T], value: object) -> T:
    """What a reader makes of a value, its complaints put behind the field."""
    try:
        return read(value)
    except ValueError as error:
        message = str(error)
        raise ValueError(message if not field or message.startswith(f"{field}:") else f"{field}: {message}") from error


def _wrong(field: str, value: object, fix: str) -> ValueError:
    return ValueError(f"{field}: {str(value)[:80]!r} will not do: {fix}")
