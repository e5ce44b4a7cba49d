"""The form of who is called: people, teams, schedules, escalation policies, and rules in place of policies."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from healthmgr.definitions.models import Entry, Line, Names, SeverityField, Wait
from healthmgr.domain.calendar import zone
from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import MOST_LEVELS, MOST_REPEATS

# The tiers in which rules are written, from the first to be told to the last.
TIERS = ("l1_support", "l2_engineering", "l3_senior", "incident_commander")

_MOST_ALERTS = 10_000
_LONGEST_ADDRESS = 1000


def _zone(name: str) -> str:
    if name:
        zone(name)
    return name


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


def _severities(value: Any) -> Any:
    listed = [value] if isinstance(value, str) else value
    return [one.strip().lower() if isinstance(one, str) else one for one in listed] if listed else listed


def _alerts(value: Any) -> Any:
    """A number of alerts: 3, or as a limit ">= 3"."""
    found = re.fullmatch(r"\s*(>=|>|)\s*(\d{1,5})\s*", value) if isinstance(value, str) else None
    if isinstance(value, str) and found is None:
        raise ValueError(f'expected a number of alerts such as 3 or ">= 3", found {value[:60]!r}')
    return value if found is None else int(found[2]) + (found[1] == ">")


def _tier(value: str) -> str:
    tier = value.strip().lower().replace("-", "_")
    if tier not in TIERS:
        raise ValueError(f"expected one of {', '.join(TIERS)}, found {value[:60]!r}")
    return tier


def _lower(values: list[str]) -> list[str]:
    return [value.strip() if value != value.upper() else value.strip().lower() for value in values]


TimeZone = Annotated[Line, AfterValidator(_zone)]
Address = Annotated[Line, Field(max_length=_LONGEST_ADDRESS)]
AlertCount = Annotated[int, BeforeValidator(_alerts), Field(ge=1, le=_MOST_ALERTS)]
Severities = Annotated[list[SeverityField], BeforeValidator(_severities)]
Listed = Annotated[list[Any], BeforeValidator(_as_list)]


class ContactEntry(Entry):
    """One way to reach a person."""

    via: Line = Field(description="the channel")
    to: Address = Field("", description="the address there; nothing where the channel is the address")
    after: Wait = Field(timedelta(0), description="how long after the page it is used")


class ContactsEntry(Entry):
    """Ways to reach a person in no order: the address by channel."""

    contacts: dict[str, Address] = Field(default_factory=dict)


class QuietHoursEntry(Entry):
    """Hours in which mild things wait until they are over."""

    hours: Listed = Field(description="intervals as under time_windows, in the person's zone, or names of time windows")
    severities: Severities = Field(
        default_factory=lambda: [Severity.LOW, Severity.MEDIUM], description="what waits: low and medium, unless said"
    )


class PersonEntry(Entry):
    """people.NAME: somebody to tell."""

    name: Line = Field("", description="as shown to people")
    timezone: TimeZone = Field("", description="of the quiet hours, as Europe/Berlin; UTC where it is not said")
    contacts: Any = Field(None, description="in the order in which they are used, or the address by channel")
    quiet_hours: Listed = Field(default_factory=list, description="hours in which mild things wait")


class TeamEntry(Entry):
    """teams.NAME: people under one name."""

    members: Names = Field(description="people")


class FeedsEntry(Entry):
    """Calendars that a schedule is read from, by iCal address."""

    primary: Address = Field("", description="the calendar of the shifts")
    overrides: Address = Field("", description="the calendar of what goes before them")


class ScheduleEntry(Entry):
    """schedules.NAME: who is on call when."""

    timezone: TimeZone = Field("UTC", description="of its layers where they name none, as Europe/Berlin")
    description: Line = ""
    layers: Listed = Field(default_factory=list, description="of those that have somebody, the highest priority holds")
    ical: FeedsEntry | None = Field(None, description="calendars that it is read from")


class WhenEntry(Entry):
    """When a level is carried out; otherwise it is passed at once."""

    severity: Severities | None = Field(None, description="of the incident")
    during: Names = Field(default_factory=list, description="time windows")
    alerts: AlertCount | None = Field(None, description='how many fire, as ">= 3"')
    at_least: AlertCount | None = Field(None, description="the same, as a number")


class LevelEntry(Entry):
    """One level: whom it tells, and how long after the level before."""

    name: Line = ""
    to: Names = Field(description="alice, team:web, schedule:primary or channel:ops")
    after: Wait | None = Field(
        None,
        description="how long after the level before; the first: after routing, at once where this is left out",
    )
    via: Names = Field(default_factory=list, description="channels; people's own contacts where none is named")
    when: WhenEntry | None = None


class PolicyEntry(Entry):
    """escalation_policies.NAME: levels that are told one after the other until somebody answers."""

    levels: Annotated[list[Any], Field(max_length=MOST_LEVELS)]
    repeat: int = Field(0, ge=0, le=MOST_REPEATS, description="how many times it begins again after the last level")


class RuleEntry(Entry):
    """One rule of escalation_rules: a level of its severity's policy."""

    id: Line = Field("", description="as shown to people")
    severity: SeverityField
    level: Annotated[Line, AfterValidator(_tier)] = Field(description="l1_support, l2_engineering, l3_senior, ...")
    delay_minutes: float = Field(0, ge=0, le=7 * 24 * 60, description="after the incident opened")
    channels: Annotated[Names, AfterValidator(_lower)] = Field(description="channels by name, or by kind")
    recipients: Names = Field(description="addresses, or names of people, teams and schedules")
