"""The form of what leads alerts to people and keeps them from it: routes, receivers, time windows, mutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from healthmgr.definitions.models import Entry, Line, Names
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.quantity import format_duration, length_of
from healthmgr.domain.routing_tree import ALL_LABELS

_LONGEST_WAIT = timedelta(days=1)
_LONGEST_INTERVAL = timedelta(days=7)
_LONGEST_REPEAT = timedelta(days=31)
_MOST_CHARACTERS = 4096  # of one text of matchers


def _between(shortest: timedelta, longest: timedelta) -> Callable[[timedelta], timedelta]:
    def judge(value: timedelta) -> timedelta:
        if not shortest <= value <= longest:
            limits = f"{format_duration(shortest)} at least and {format_duration(longest)} at most"
            raise ValueError(f"must be {limits}, found {format_duration(value)}")
        return value

    return judge


def _one_or_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _matcher(text: str) -> str:
    parse_matchers(text)
    return text


def _group_by(names: list[str]) -> list[str]:
    if ALL_LABELS in names and len(names) > 1:
        raise ValueError('["..."] groups by every label there is: name nothing beside it')
    if not all(name.strip() for name in names):
        raise ValueError("names an empty label: write the names of labels, such as [service, location]")
    return names


MatcherTexts = Annotated[
    list[Annotated[str, Field(max_length=_MOST_CHARACTERS), AfterValidator(_matcher)]], BeforeValidator(_one_or_list)
]
GroupWait = Annotated[timedelta, BeforeValidator(length_of), AfterValidator(_between(timedelta(0), _LONGEST_WAIT))]
GroupInterval = Annotated[
    timedelta, BeforeValidator(length_of), AfterValidator(_between(timedelta(seconds=1), _LONGEST_INTERVAL))
]
RepeatInterval = Annotated[
    timedelta, BeforeValidator(length_of), AfterValidator(_between(timedelta(seconds=1), _LONGEST_REPEAT))
]
LabelNames = Annotated[Names, AfterValidator(_group_by)]


class RouteEntry(Entry):
    """A route. What it leaves unsaid, the route above it says."""

    matchers: MatcherTexts = Field(
        default_factory=list,
        description="""which alerts, as ['severity="critical"', 'service=~"pay.*"']; all have to fit""",
    )
    receiver: Line = Field("", description="who is told, by the name of a receiver; in place of to and via")
    to: Names = Field(default_factory=list, description="recipients")
    via: Names = Field(default_factory=list, description="channels")
    escalation: Line = Field("", description="the policy that is climbed until somebody answers; alone or besides")
    group_by: LabelNames | None = Field(
        None, description='the labels whose values put alerts together: [service, location], or ["..."] for all'
    )
    group_wait: GroupWait | None = Field(None, description="how long to gather alerts before the first message")
    group_interval: GroupInterval | None = Field(
        None, description="how long after a message news of the same group may be told"
    )
    repeat_interval: RepeatInterval | None = Field(
        None, description="how long until people are told again of an open, unacknowledged incident"
    )
    continues: bool = Field(False, alias="continue", description="whether the routes after this one are tried as well")
    mute_during: Names = Field(default_factory=list, description="time windows in which it tells nobody")
    active_during: Names = Field(default_factory=list, description="time windows outside which it tells nobody")
    routes: list[Any] = Field(default_factory=list, description="routes below it, tried in their order")


class BranchEntry(RouteEntry):
    """A route in a list of routes, which may be given a name."""

    name: Line = Field("", description="unique among its siblings; made of its matchers where it is not given")


class ReceiverEntry(Entry):
    """receivers.NAME: recipients and channels, an escalation policy, or both under one name."""

    to: Names = Field(default_factory=list, description="recipients")
    via: Names = Field(default_factory=list, description="channels")
    escalation: Line = Field("", description="the policy that is climbed until somebody answers")
    send_resolved: bool = Field(True, description="whether they are told of the end as well")


class MaintenanceEntry(Entry):
    """maintenance.NAME: a planned silence, once or again and again."""

    matchers: MatcherTexts = Field(description="""which alerts, as ['service="shop"']; [] for all of them""")
    starts_at: Any = Field(None, description="when it begins, as 2026-11-24T22:00:00Z; with ends_at")
    ends_at: Any = Field(None, description="when it ends, as 2026-11-25T02:00:00Z")
    cron: Any = Field(None, description='when it begins, as a cron expression "0 22 * * sun"; with duration')
    rrule: Any = Field(None, description='when it begins, as a rule of iCalendar "FREQ=WEEKLY;BYDAY=SU"; with duration')
    dtstart: Any = Field(None, description="the first beginning of the rule, in the timezone")
    duration: Any = Field(None, description="how long each lasts, as 2h")
    timezone: Any = Field(None, description="of cron or rrule, as Europe/Berlin; UTC where it is not said")
    during: list[Any] | None = Field(None, description="intervals of time, as under time_windows")
    covers_dependents: bool = Field(False, description="whether checks that depend on those it matches are meant, too")
    comment: Line = Field("", description="why, for those who wonder")


class InhibitionEntry(Entry):
    """inhibitions.NAME: while one alert fires, others tell nobody."""

    source: MatcherTexts = Field(description="the alerts that mute")
    target: MatcherTexts = Field(description="the alerts that are mute meanwhile")
    equal: Names = Field(default_factory=list, description="labels that have to be the same on both")
