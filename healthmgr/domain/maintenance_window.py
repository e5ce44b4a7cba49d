"""A maintenance window as it is kept: what it is for, when it is open, and whether somebody ended it early."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from healthmgr.domain.maintenance import Occurrence, Window, next_occurrence, occurrence_at
from healthmgr.domain.matcher import Matcher

_MOST_BETWEEN = 2000


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A window by its name. `ended_at` is when a person ended the occurrence that was open then.

    `managed_by` is who may change it; one that is not enabled any more is kept for what was told about it.
    """

    name: str
    matchers: tuple[Matcher, ...]
    window: Window
    covers_dependents: bool
    comment: str
    created_by: str
    managed_by: str
    is_enabled: bool
    updated_at: datetime
    ended_at: datetime | None = None

    def open_at(self, at: datetime) -> Occurrence | None:
        """The occurrence in which alerts are held back at this instant."""
        return open_occurrence(self.window, self.ended_at, at) if self.is_enabled else None

    def next_after(self, at: datetime) -> Occurrence | None:
        """The first occurrence that begins after this instant."""
        return next_occurrence(self.window, at) if self.is_enabled else None


def open_occurrence(window: Window, ended_at: datetime | None, at: datetime) -> Occurrence | None:
    """The occurrence that is open at this instant, unless it began before a person ended it."""
    occurrence = occurrence_at(window, at)
    if occurrence is None or (ended_at is not None and occurrence.starts_at <= ended_at <= at):
        return None
    return occurrence


def occurrences_between(window: Window, ended_at: datetime | None, begin: datetime, end: datetime) -> list[Occurrence]:
    """Those that are open between two instants; what a person ended early ends there."""
    found = []
    for one in islice(window.occurrences(begin), _MOST_BETWEEN):
        if one.starts_at >= end:
            break
        is_cut = ended_at is not None and one.contains(ended_at)
        found.append(Occurrence(one.starts_at, ended_at) if ended_at and is_cut else one)
    return [one for one in found if one.starts_at < one.ends_at and one.ends_at > begin]
