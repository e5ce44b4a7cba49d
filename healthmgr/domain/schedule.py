"""Who is on call: layers of rotations by priority, overrides over them, and temporary schedules instead of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from healthmgr.domain.rotation import Rotation
from healthmgr.domain.timewindow import TimeInterval, parse_time_interval

MOST_CHANGES = 20_000  # boundaries looked at for one answer


@dataclass(frozen=True, slots=True)
class FixedShift:
    """A person from one instant up to another, whoever's turn it is."""

    person: str
    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at: a shift has to end after it starts")

    def contains(self, at: datetime) -> bool:
        """Whether it is this shift then."""
        return self.starts_at <= at < self.ends_at

    def to_document(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return {"person": self.person, **_written_times(self)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> FixedShift:
        """The reverse of to_document. Raises ValueError."""
        return cls(document["person"], *_times_of(document))


@dataclass(frozen=True, slots=True)
class Layer:
    """One way in which people come to be on call: a rotation, people at all times, or shifts that somebody keeps.

    `hours` narrow it to civil times (none: always). Of several layers that have somebody, those of the highest
    `priority` hold, all of them.
    """

    name: str
    rotation: Rotation | None = None
    people: tuple[str, ...] = ()
    shifts: tuple[FixedShift, ...] = ()
    hours: tuple[TimeInterval, ...] = ()
    priority: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def holds_at(self, at: datetime) -> bool:
        """Whether the layer means this instant, whoever it names then."""
        has_begun = self.starts_at is None or at >= self.starts_at
        goes_on = self.ends_at is None or at < self.ends_at
        return has_begun and goes_on and (not self.hours or any(interval.contains(at) for interval in self.hours))

    def on_call_at(self, at: datetime) -> tuple[str, ...]:
        """Whom it names then, each once."""
        if not self.holds_at(at):
            return ()
        turn = self.rotation.turn_at(at) if self.rotation else None
        turning = (turn.member,) if turn else ()
        keeping = tuple(shift.person for shift in self.shifts if shift.contains(at))
        return tuple(dict.fromkeys((*turning, *self.people, *keeping)))

    def changes(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """Instants within a time at which its answer may change."""
        yield from (at for at in (self.starts_at, self.ends_at) if at is not None)
        if self.rotation is not None:
            yield from (turn.starts_at for turn in self.rotation.turns(begin, end))
        yield from (at for shift in self.shifts for at in (shift.starts_at, shift.ends_at))
        for interval in self.hours:
            yield from _changes_of(interval, begin, end)

    def to_document(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return {
            "name": self.name,
            "rotation": self.rotation.to_document() if self.rotation else None,
            "people": list(self.people),
            "shifts": [shift.to_document() for shift in self.shifts],
            "hours": [interval.to_document() for interval in self.hours],
            "priority": self.priority,
            "starts_at": self.starts_at.isoformat() if self.starts_at else None,
            "ends_at": self.ends_at.isoformat() if self.ends_at else None,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Layer:
        """The reverse of to_document. Raises ValueError."""
        starts_at, ends_at = document["starts_at"], document["ends_at"]
        return cls(
            name=document["name"],
            rotation=Rotation.from_document(document["rotation"]) if document["rotation"] else None,
            people=tuple(document["people"]),
            shifts=tuple(FixedShift.from_document(shift) for shift in document["shifts"]),
            hours=tuple(parse_time_interval(interval) for interval in document["hours"]),
            priority=document["priority"],
            starts_at=datetime.fromisoformat(starts_at) if starts_at else None,
            ends_at=datetime.fromisoformat(ends_at) if ends_at else None,
        )


@dataclass(frozen=True, slots=True)
class Override:
    """Between two instants, somebody is on call besides (`add`), is not (`remove`), or another in his place (both)."""

    starts_at: datetime
    ends_at: datetime
    add: str = ""
    remove: str = ""

    def __post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at: an override has to end after it starts")
        if not self.add and not self.remove:
            raise ValueError("add: an override adds somebody, removes somebody, or both")

    def contains(self, at: datetime) -> bool:
        """Whether it holds then."""
        return self.starts_at <= at < self.ends_at

    def apply(self, people: tuple[str, ...]) -> tuple[str, ...]:
        """Who is on call with it. A replacement changes nothing where the person replaced is not on call."""
        if self.remove and self.add:
            return tuple(dict.fromkeys(self.add if person == self.remove else person for person in people))
        if self.remove:
            return tuple(person for person in people if person != self.remove)
        return tuple(dict.fromkeys((*people, self.add)))

    def to_document(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return {**_written_times(self), "add": self.add, "remove": self.remove}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Override:
        """The reverse of to_document. Raises ValueError."""
        return cls(*_times_of(document), document["add"], document["remove"])


@dataclass(frozen=True, slots=True)
class Temporary:
    """Between two instants the shifts given here hold, and nothing else of the schedule."""

    starts_at: datetime
    ends_at: datetime
    shifts: tuple[FixedShift, ...] = ()

    def __post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at: a temporary schedule has to end after it starts")

    def contains(self, at: datetime) -> bool:
        """Whether it holds then."""
        return self.starts_at <= at < self.ends_at

    def on_call_at(self, at: datetime) -> tuple[str, ...]:
        """Whom it names then."""
        return tuple(dict.fromkeys(shift.person for shift in self.shifts if shift.contains(at)))

    def to_document(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return {**_written_times(self), "shifts": [shift.to_document() for shift in self.shifts]}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Temporary:
        """The reverse of to_document. Raises ValueError."""
        return cls(*_times_of(document), tuple(FixedShift.from_document(shift) for shift in document["shifts"]))


class Absence(StrEnum):
    """Why nobody is on call."""

    UNASSIGNED = "no_layer_names_anybody"
    REMOVED = "overrides_remove_everybody"
    TEMPORARY = "temporary_schedule_names_nobody"


@dataclass(frozen=True, slots=True)
class Span:
    """A time over which the same people are on call. Nobody, where `people` is empty: `absence` says why."""

    starts_at: datetime
    ends_at: datetime
    people: tuple[str, ...]
    absence: Absence | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule. Where temporary ones overlap, the one given last holds; overrides are applied in their order."""

    name: str
    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()
    temporaries: tuple[Temporary, ...] = ()

    def on_call_at(self, at: datetime) -> tuple[str, ...]:
        """Who is on call then (aware)."""
        return self._answer_at(at)[0]

    def spans(self, begin: datetime, end: datetime) -> list[Span]:
        """Who is on call when, without a hole from `begin` to `end`; neighbours differ.

        Raises ValueError where that would be more than can be told.
        """
        if end <= begin:
            raise ValueError("end: has to come after the beginning")
        boundaries = sorted({begin, *self._changes(begin, end)})
        spans: list[Span] = []
        for starts_at, ends_at in zip(boundaries, [*boundaries[1:], end], strict=True):
            answer = self._answer_at(starts_at)
            if spans and (spans[-1].people, spans[-1].absence) == answer:
                starts_at = spans.pop().starts_at
            spans.append(Span(starts_at, ends_at, *answer))
        return spans

    def shifts(self, begin: datetime, end: datetime) -> list[FixedShift]:
        """Each person's shifts, contiguous ones as one, by their beginning and the person."""
        return shifts_of(self.spans(begin, end))

    def _answer_at(self, at: datetime) -> tuple[tuple[str, ...], Absence | None]:
        temporary = next((each for each in reversed(self.temporaries) if each.contains(at)), None)
        if temporary is not None:
            people = temporary.on_call_at(at)
            return people, None if people else Absence.TEMPORARY
        people = layered = self._layered_at(at)
        for override in self.overrides:
            if override.contains(at):
                people = override.apply(people)
        absence = Absence.REMOVED if layered else Absence.UNASSIGNED
        return people, None if people else absence

    def _layered_at(self, at: datetime) -> tuple[str, ...]:
        for priority in sorted({layer.priority for layer in self.layers}, reverse=True):
            named = [layer.on_call_at(at) for layer in self.layers if layer.priority == priority]
            people = tuple(dict.fromkeys(person for group in named for person in group))
            if people:
                return people
        return ()

    def _changes(self, begin: datetime, end: datetime) -> list[datetime]:
        within = (at for at in self._every_change(begin, end) if begin < at < end)
        found = list(islice(within, MOST_CHANGES + 1))
        if len(found) > MOST_CHANGES:
            raise ValueError(f"more than {MOST_CHANGES} changes: ask for a shorter time")
        return found

    def _every_change(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        for layer in self.layers:
            yield from layer.changes(begin, end)
        for override in self.overrides:
            yield from (override.starts_at, override.ends_at)
        for temporary in self.temporaries:
            yield from (temporary.starts_at, temporary.ends_at)
            yield from (at for shift in temporary.shifts for at in (shift.starts_at, shift.ends_at))


def shifts_of(spans: Iterable[Span]) -> list[FixedShift]:
    """Each person's shifts out of spans that follow each other."""
    begun: dict[str, datetime] = {}
    found: list[FixedShift] = []
    last_end: datetime | None = None
    for span in spans:
        ended = [person for person in begun if person not in span.people]
        found += [FixedShift(person, begun.pop(person), span.starts_at) for person in ended]
        for person in span.people:
            begun.setdefault(person, span.starts_at)
        last_end = span.ends_at
    if last_end is not None:
        found += [FixedShift(person, starts_at, last_end) for person, starts_at in begun.items()]
    return sorted(found, key=lambda shift: (shift.starts_at, shift.person))


def _changes_of(interval: TimeInterval, begin: datetime, end: datetime) -> Iterator[datetime]:
    at = interval.next_change(begin)
    while at is not None and at < end:
        yield at
        at = interval.next_change(at)


def _written_times(one: FixedShift | Override | Temporary) -> dict[str, str]:
    return {"starts_at": one.starts_at.isoformat(), "ends_at": one.ends_at.isoformat()}


def _times_of(document: Mapping[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(document["starts_at"]), datetime.fromisoformat(document["ends_at"])
