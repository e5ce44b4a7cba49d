"""The page that everybody may read: what is published on it, and how that stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from healthmgr.domain.check import Status
from healthmgr.domain.matcher import Matcher, match_all
from healthmgr.domain.rollup import Statuses

STATUS_PAGE = "public"  # its name: there is one
DAYS = 90  # of history
_GOOD, _FAIR = 0.999, 0.98  # of a day: what is less than these shows


class Standing(StrEnum):
    """How something that is published stands; each is worse than the ones before it, but for the last."""

    OPERATIONAL = "operational"
    MAINTENANCE = "maintenance"
    DEGRADED = "degraded"
    PARTIAL = "partial outage"
    OUTAGE = "outage"
    UNKNOWN = "no data"


_ORDER = tuple(Standing)[:-1]


@dataclass(frozen=True, slots=True)
class Component:
    """A check that is published by itself. Without a public `name` it counts for its group, and is not shown."""

    check: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """A check as far as a published group needs it. `status` is None where it says nothing now."""

    slug: str
    service: str
    labels: Mapping[str, str]
    status: Status | None


@dataclass(frozen=True, slots=True)
class Group:
    """What people see under one name: checks by themselves, all of some services, and all whose labels fit."""

    name: str
    checks: tuple[Component, ...] = ()
    services: tuple[str, ...] = ()
    matchers: tuple[Matcher, ...] = ()
    description: str = ""

    @property
    def slug(self) -> str:
        """The name as a part of an address."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "group"

    def holds(self, check: Watched) -> bool:
        """Whether the check counts for this group."""
        if any(one.check == check.slug for one in self.checks) or check.service in self.services:
            return True
        return bool(self.matchers) and match_all(self.matchers, check.labels)


@dataclass(frozen=True, slots=True)
class StatusPage:
    """All that is published, and what is shown of it."""

    title: str
    groups: tuple[Group, ...]
    description: str = ""
    shows_history: bool = True
    shows_uptime: bool = True

    def to_document(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return {
            "title": self.title,
            "description": self.description,
            "shows_history": self.shows_history,
            "shows_uptime": self.shows_uptime,
            "groups": [
                {
                    "name": group.name,
                    "description": group.description,
                    "checks": [{"check": one.check, "name": one.name} for one in group.checks],
                    "services": list(group.services),
                    "matchers": [matcher.to_document() for matcher in group.matchers],
                }
                for group in self.groups
            ],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> StatusPage:
        """The reverse."""
        groups = tuple(
            Group(
                name=group["name"],
                description=group["description"],
                checks=tuple(Component(**one) for one in group["checks"]),
                services=tuple(group["services"]),
                matchers=tuple(Matcher.from_document(one) for one in group["matchers"]),
            )
            for group in document["groups"]
        )
        return cls(**{**document, "groups": groups})


@dataclass(frozen=True, slots=True)
class Day:
    """One day of something: the share of the time that it was up, and how that is shown."""

    uptime: float | None
    tone: str


@dataclass(frozen=True, slots=True)
class History:
    """Days, the oldest first, and the uptime over all of them."""

    days: tuple[Day, ...] = ()
    uptime: float | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """Something that is published, as it stands."""

    name: str
    slug: str
    standing: Standing
    description: str = ""
    history: History = field(default_factory=History)
    components: tuple[Shown, ...] = ()


def standing_of(statuses: Iterable[Status | None]) -> Standing:
    """How those together stand that stand alone so; what cannot tell is left out, unless nothing can."""
    known = [status for status in statuses if status is not None and status is not Status.UNKNOWN]
    bad = known.count(Status.UNHEALTHY)
    if not known:
        return Standing.UNKNOWN
    if bad:
        return Standing.OUTAGE if bad == len(known) else Standing.PARTIAL
    return Standing.DEGRADED if Status.DEGRADED in known else Standing.OPERATIONAL


def worst(standings: Iterable[Standing]) -> Standing:
    """The worst of several; what cannot tell is left out, unless nothing can."""
    known = [standing for standing in standings if standing is not Standing.UNKNOWN]
    return max(known, key=_ORDER.index, default=Standing.UNKNOWN)


def told(measured: Standing, said: Sequence[Standing]) -> Standing:
    """What is shown where people have said something: announced maintenance explains what is measured meanwhile; of
    trouble the worse of what is measured and what is said."""
    if Standing.MAINTENANCE in said:
        return worst(said)
    return worst([measured, *said])


def history_of(days: Sequence[Iterable[Statuses]]) -> History:
    """The history of what each day's statuses are given of: each check counts as much as any other."""
    shares = [[s.uptime for s in day if s.uptime is not None] for day in days]
    means = [sum(day) / len(day) if day else None for day in shares]
    known = [mean for mean in means if mean is not None]
    return History(
        tuple(Day(mean, _tone(mean)) for mean in means),
        sum(known) / len(known) if known else None,
    )


def _tone(uptime: float | None) -> str:
    if uptime is None:
        return "none"
    return "good" if uptime >= _GOOD else "fair" if uptime >= _FAIR else "bad"


def percent(share: float | None) -> str:
    """A share as people read it: never 100 % where something was missing."""
    if share is None:
        return "no data"
    if share == 1:
        return "100 %"
    return f"{int(share * 10_000) / 100:.2f} %"
