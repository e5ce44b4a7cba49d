"""Reads who is called: people with their contacts and quiet hours, teams, schedules, policies, rules for policies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import RecipientDefinition, ScheduleDefinition, TeamDefinition
from healthmgr.definitions.draft import Draft, QuietDraft
from healthmgr.definitions.faults import shown
from healthmgr.definitions.models_oncall import (
    ContactEntry,
    ContactsEntry,
    PersonEntry,
    QuietHoursEntry,
    RuleEntry,
    ScheduleEntry,
    TeamEntry,
)
from healthmgr.definitions.plugin_config import Resolution
from healthmgr.domain.calendar import zone
from healthmgr.domain.layer_document import parse_layer
from healthmgr.domain.person import Contact
from healthmgr.domain.schedule import Layer
from healthmgr.domain.timewindow import TimeInterval, parse_time_interval

PEOPLE = ("people", "recipients")
RULES = "escalation_rules"

_FIELD = re.compile(r"(\w+)(?:\[(\d+)\])?: (.*)", re.DOTALL)
_CALENDAR = re.compile(r"(https?|webcal)://[^\s/]+\S*")
_ROTATION = "rotation"
_LISTS = ("members", "people")


@dataclass(frozen=True, slots=True)
class PeopleReading:
    """Reads people; `environ` is what their addresses may refer to."""

    draft: Draft
    environ: Mapping[str, str]

    def read(self, section: str, name: str, entry: Any) -> None:
        """Read a person, under whichever name of the section."""
        place: Location = (section, name)
        if name in self.draft.people_at:
            first = self.draft.document.line_of(self.draft.people_at[name])
            self.draft.say(f"is written twice, first in line {first}: keep one of them", *place)
            return
        self.draft.people_at[name] = place
        person, _ = self.draft.judge(PersonEntry, entry, place)
        if person is None:
            return
        plan, contacts = self._contacts(person.contacts, (*place, "contacts"))
        location = zone(person.timezone or "UTC")
        self.draft.quiet[name] = list(self._quiet(person.quiet_hours, location, (*place, "quiet_hours")))
        self.draft.recipients[name] = RecipientDefinition(
            name, person.name or name, contacts, plan, timezone=location.key
        )

    def _contacts(self, written: Any, place: Location) -> tuple[tuple[Contact, ...], dict[str, str]]:
        if isinstance(written, list):
            plan = tuple(self._plan(written, place))
            contacts: dict[str, str] = {}
            for contact in plan:
                contacts.setdefault(contact.channel, contact.address)
            return plan, contacts
        if written is None:
            return (), {}
        found, _ = self.draft.judge(ContactsEntry, {"contacts": written}, place[:-1])
        resolved = self._resolved(found.contacts, place) if found is not None else {}
        return (), resolved

    def _plan(self, written: list[Any], place: Location) -> Iterator[Contact]:
        seen: set[tuple[str, str]] = set()
        for index, one in enumerate(written):
            entry, _ = self.draft.judge(ContactEntry, one, (*place, index))
            if entry is None:
                continue
            if (entry.via, entry.to) in seen:
                self.draft.say("is the same contact a second time: keep one of them", *place, index)
            seen.add((entry.via, entry.to))
            address = self._resolved({"to": entry.to}, (*place, index))["to"]
            yield Contact(entry.via, address, entry.after)

    def _resolved(self, addresses: Mapping[str, str], place: Location) -> dict[str, str]:
        resolution = Resolution(self.environ)
        resolved: dict[str, str] = resolution.of(addresses)
        for inner, message in resolution.missing:
            self.draft.say(message, *place, *inner)
        for key, address in resolved.items():
            if any(character < " " for character in address):
                self.draft.say("must be one line of text once resolved", *place, key)
        return resolved

    def _quiet(self, written: list[Any], location: ZoneInfo, place: Location) -> Iterator[QuietDraft]:
        for index, one in enumerate(written):
            where: Location = (*place, index)
            entry, faulty = self.draft.judge(QuietHoursEntry, one, where)
            if entry is None:
                continue
            for field in ("hours", "severities"):
                if not getattr(entry, field) and field not in faulty:
                    self.draft.say("is empty, so these hours are never quiet", *where, field)
            intervals = tuple(self._intervals(entry.hours, location, (*where, "hours")))
            windows = {number: hours for number, hours in enumerate(entry.hours) if isinstance(hours, str)}
            yield QuietDraft(intervals, windows, tuple(entry.severities), where)

    def _intervals(self, written: list[Any], location: ZoneInfo, place: Location) -> Iterator[TimeInterval]:
        for index, one in enumerate(written):
            if isinstance(one, str):
                continue  # the name of a time window
            if not isinstance(one, Mapping) or not one:
                self.draft.say(f"expected an interval or the name of a time window, found {shown(one)}", *place, index)
                continue
            try:
                yield parse_time_interval({"location": location.key, **one})
            except ValueError as error:
                say_at_field(self.draft, str(error), one, (*place, index))


def read_team(draft: Draft, name: str, entry: Any) -> None:
    """Read a team, written as {members: [...]} or as the list alone."""
    place: Location = ("teams", name)
    is_short = not isinstance(entry, Mapping)
    team, faulty = draft.judge(TeamEntry, {"members": entry} if is_short else entry, () if is_short else place)
    if team is None:
        return
    if not team.members and "members" not in faulty:
        draft.say("is empty: name people", *(place if is_short else (*place, "members")))
    draft.teams[name] = TeamDefinition(name, tuple(team.members))


def read_schedule(draft: Draft, name: str, entry: Any, environ: Mapping[str, str]) -> None:
    """Read a schedule with its layers; `environ` is what the addresses of calendars may refer to."""
    place: Location = ("schedules", name)
    schedule, faulty = draft.judge(ScheduleEntry, entry, place)
    if schedule is None:
        return
    feeds = {kind: url for kind in ("primary", "overrides") if schedule.ical and (url := getattr(schedule.ical, kind))}
    if not schedule.layers and "primary" not in feeds and not faulty & {"layers", "ical"}:
        draft.say("has nobody in it: write layers, or the address of a calendar under ical.primary", *place)
    _judge_feeds(draft, feeds, (*place, "ical"), environ)
    location = zone(schedule.timezone)
    layers = tuple(
        layer
        for index, one in enumerate(schedule.layers)
        if (layer := _layer(draft, one, (*place, "layers", index), location)) is not None
    )
    draft.schedules[name] = ScheduleDefinition(name, location.key, layers, feeds, schedule.description)


def _judge_feeds(draft: Draft, feeds: Mapping[str, str], place: Location, environ: Mapping[str, str]) -> None:
    """The addresses as they will be asked for; none is repeated, for whoever knows it can read the calendar."""
    resolution = Resolution(environ)
    resolved = resolution.of(feeds)
    for inner, message in resolution.missing:
        draft.say(message, *place, *inner)
    unset = {inner[0] for inner, _ in resolution.missing}
    for kind, url in resolved.items():
        if kind not in unset and not _CALENDAR.fullmatch(url):
            draft.say("expected the address of a calendar, beginning with https://, http:// or webcal://", *place, kind)


def _layer(draft: Draft, written: Any, place: Location, location: ZoneInfo) -> Layer | None:
    """A layer. Its turns may stand under `rotation` or beside the rest; `to` is its end."""
    if not isinstance(written, Mapping):
        draft.say(f"expected a layer such as {{rotation: {{type: weekly, ...}}}}, found {shown(written)}", *place)
        return None
    rotation = written.get(_ROTATION, {})
    if not isinstance(rotation, Mapping):
        draft.say(f"expected a mapping (name: value), found {shown(rotation)}", *place, _ROTATION)
        return None
    places: dict[str, Location] = {str(key): (*place, _ROTATION, key) for key in rotation}
    document: dict[str, Any] = dict(rotation)
    for key, value in written.items():
        name = "until" if key == "to" else str(key)
        if name == _ROTATION:
            continue
        if name in document:
            draft.say(f"is said under {_ROTATION} or by another name already: keep one of them", *place, key)
            return None
        document[name], places[name] = value, (*place, key)
    for name in _LISTS:
        if isinstance(document.get(name), str):
            document[name] = [document[name]]
    if isinstance(document.get("hours"), Mapping):
        document["hours"] = [document["hours"]]
    try:
        return parse_layer(document, location)
    except ValueError as error:
        _say_of_layer(draft, str(error), places, place)
        return None


def _say_of_layer(draft: Draft, message: str, places: Mapping[str, Location], place: Location) -> None:
    found = _FIELD.fullmatch(message)
    where = places.get(found[1]) if found else None
    if found is None or where is None:
        draft.say(message, *place)
        return
    index = (int(found[2]),) if found[2] else ()
    draft.say(found[3], *where, *index)


def read_rules(draft: Draft) -> None:
    """Read escalation_rules, a list."""
    written = draft.document.at((RULES,))
    if written is None:
        return
    if not isinstance(written, list):
        draft.say(f"expected a list of rules, found {shown(written)}", RULES)
        return
    for index, one in enumerate(written):
        place: Location = (RULES, index)
        rule, faulty = draft.judge(RuleEntry, one, place)
        if rule is None:
            continue
        for field in ("channels", "recipients"):
            if not getattr(rule, field) and field not in faulty:
                draft.say("is empty, so this rule reaches nobody", *place, field)
        draft.rules.append((place, rule))


def say_at_field(draft: Draft, message: str, written: Mapping[str, Any], place: Location) -> None:
    """Say it at the field that the message begins with, where there is one."""
    field, separator, rest = message.partition(": ")
    if separator and field in written:
        draft.say(rest, *place, field)
    else:
        draft.say(message, *place)
