"""A person to be told: his ways to be reached in order, and the hours in which mild things wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from healthmgr.domain.check import Severity
from healthmgr.domain.timewindow import TimeInterval, parse_time_interval


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach a person: a channel, his address on it, and how long after the page it is used."""

    channel: str
    address: str
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """In these hours, what is only of these severities waits until they are over.

    `windows` names time windows in which it waits as well: they are looked up when somebody is told.
    """

    hours: tuple[TimeInterval, ...]
    severities: tuple[Severity, ...]
    windows: tuple[str, ...] = ()

    def within(self, windows: Mapping[str, Sequence[TimeInterval]]) -> QuietHours:
        """The same with the hours of the windows that it names, as they are now."""
        named = (interval for name in self.windows for interval in windows.get(name, ()))
        return QuietHours((*self.hours, *named), self.severities)

    def until(self, severity: Severity, now: datetime) -> datetime | None:
        """When the quiet ends; None when it does not concern this severity, or this moment."""
        if severity not in self.severities:
            return None
        holding = [interval for interval in self.hours if interval.contains(now)]
        changes = [change for interval in holding if (change := interval.next_change(now)) is not None]
        return max(changes, default=None)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to tell. `contacts` in the order in which they are tried."""

    name: str
    contacts: tuple[Contact, ...] = ()
    quiet: tuple[QuietHours, ...] = ()
    timezone: str = "UTC"

    def reached_over(self, channels: Sequence[str] = ()) -> tuple[Contact, ...]:
        """The contacts that a page uses: those on these channels, or all where none is named."""
        return tuple(contact for contact in self.contacts if not channels or contact.channel in channels)

    def quiet_until(self, severity: Severity, now: datetime) -> datetime | None:
        """Until when he is left alone with something of this severity; None: he is not."""
        ends = [end for rule in self.quiet if (end := rule.until(severity, now)) is not None]
        return max(ends, default=None)


def contacts_to_document(contacts: Sequence[Contact]) -> list[dict[str, Any]]:
    """Contacts as they are stored, their order kept."""
    return [{"channel": c.channel, "address": c.address, "after": c.after.total_seconds()} for c in contacts]


def contacts_from_document(document: Sequence[Mapping[str, Any]]) -> tuple[Contact, ...]:
    """The reverse."""
    return tuple(Contact(c["channel"], c["address"], timedelta(seconds=c["after"])) for c in document)


def quiet_to_document(rules: Sequence[QuietHours]) -> list[dict[str, Any]]:
    """Quiet hours as they are stored."""
    return [
        {
            "hours": [interval.to_document() for interval in rule.hours],
            "severities": [severity.value for severity in rule.severities],
            "windows": list(rule.windows),
        }
        for rule in rules
    ]


def quiet_from_document(document: Sequence[Mapping[str, Any]]) -> tuple[QuietHours, ...]:
    """The reverse."""
    return tuple(
        QuietHours(
            tuple(parse_time_interval(interval) for interval in rule["hours"]),
            tuple(Severity(name) for name in rule["severities"]),
            tuple(rule.get("windows", ())),
        )
        for rule in document
    )
