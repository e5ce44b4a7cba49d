"""Dependencies that nobody wrote down, learned from what failed after what; a person decides on each.

Where one check fails, and another so often a little later that chance does not do it, the other may well hang on the
first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median

from healthmgr.domain.cascade import Edge, Graph

WITHIN = timedelta(minutes=5)  # from a cause to its consequence
LOOKS_BACK = timedelta(days=28)
LEAST_TOGETHER = 4
LEAST_CONFIDENCE = 0.7  # of the failures of the one: those that the other followed
LEAST_LIFT = 5.0  # times as often as by chance
LEAST_FIRST = 0.8  # of the times that both failed: those in which the one was first
MOST_AT_ONCE = 60  # failures within one window: whatever that was, it tells nothing of who hangs on whom
SETTLING = timedelta(minutes=10)  # after an outage of the monitor: what fails then may have failed in it


@dataclass(frozen=True, slots=True)
class Failure:
    """A check became unhealthy."""

    slug: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`child` may hang on `parent`.

    `together` times it failed after it, which is `confidence` of the parent's failures, and `lift` times as often as
    by chance; `lag` is how long it took as a rule.
    """

    child: str
    parent: str
    together: int
    confidence: float
    lift: float
    lag: timedelta


class SuggestionState(StrEnum):
    """What people said of a learned dependency."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Suggested:
    """A learned dependency as it is kept, and what became of it."""

    suggestion: Suggestion
    state: SuggestionState
    seen_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    comment: str = ""


Span = tuple[datetime, datetime]


def outages(heard_at: Sequence[datetime], longest: timedelta) -> list[Span]:
    """When the monitor itself heard nothing for longer than that; `heard_at` are moments of results, in their order."""
    return [(one, other) for one, other in pairwise(heard_at) if other - one > longest]


def worth_learning(
    failures: Iterable[Failure], blind: Sequence[Span], planned: Mapping[str, Sequence[Span]]
) -> list[Failure]:
    """The failures outside of outages of the monitor (and of what it found right after), and of planned work."""
    settled = [(begin, end + SETTLING) for begin, end in blind]
    return [
        failure
        for failure in failures
        if not _is_in(failure.at, settled) and not _is_in(failure.at, planned.get(failure.slug, ()))
    ]


def suggest(failures: Iterable[Failure], graph: Graph, length: timedelta) -> list[Suggestion]:
    """What may hang on what, the surest first; `length` is the time that the failures are of.

    What a declared dependency explains, directly or through others, is not suggested; nor what would make a cycle, nor
    a shortcut of two that are suggested.
    """
    episodes = _without_storms(_episodes(failures))
    times: dict[str, list[datetime]] = defaultdict(list)
    for episode in episodes:
        times[episode.slug].append(episode.at)
    found = [
        suggestion
        for (parent, child), lags in _followings(episodes, times, graph).items()
        if (suggestion := _judge(parent, child, lags, times, length)) is not None
    ]
    found.sort(key=lambda each: (-each.confidence * each.together, each.lag, each.parent, each.child))
    return list(_reduced(found, graph))


def _episodes(failures: Iterable[Failure]) -> list[Failure]:
    """The failures in the order of time, those of one check that follow each other closely taken as one."""
    last: dict[str, datetime] = {}
    kept = []
    for failure in sorted(failures, key=lambda each: (each.at, each.slug)):
        if failure.slug not in last or failure.at - last[failure.slug] > WITHIN:
            kept.append(failure)
        last[failure.slug] = failure.at
    return kept


def _without_storms(episodes: Sequence[Failure]) -> list[Failure]:
    moments = [episode.at for episode in episodes]
    return [
        episode
        for episode in episodes
        if bisect_right(moments, episode.at + WITHIN) - bisect_left(moments, episode.at - WITHIN) <= MOST_AT_ONCE
    ]


def _followings(
    episodes: Sequence[Failure], times: Mapping[str, Sequence[datetime]], graph: Graph
) -> Mapping[tuple[str, str], list[timedelta]]:
    """How long after the one the other failed, each time that nothing declared explains it."""
    moments = [episode.at for episode in episodes]
    above = {slug: graph.hangs_on(slug) for slug in times}
    found: defaultdict[tuple[str, str], list[timedelta]] = defaultdict(list)
    for place, later in enumerate(episodes):
        before = episodes[bisect_left(moments, later.at - WITHIN) : place]
        if any(each.slug in above[later.slug] for each in before):
            continue
        for earlier in before:
            found[earlier.slug, later.slug].append(later.at - earlier.at)
    return found


def _judge(
    parent: str, child: str, lags: Sequence[timedelta], times: Mapping[str, Sequence[datetime]], length: timedelta
) -> Suggestion | None:
    together = len(lags)
    confidence = min(1.0, together / len(times[parent]))
    by_chance = max(len(times[child]) * (WITHIN / length), 1e-12) if length else 1.0
    lift = confidence / min(1.0, by_chance)
    if together < LEAST_TOGETHER or confidence < LEAST_CONFIDENCE or lift < LEAST_LIFT or child == parent:
        return None
    first = sum(1 for lag in lags if lag > timedelta())
    second = sum(_follows(times[parent], at) for at in times[child])
    if first / (together + second) < LEAST_FIRST:
        return None
    return Suggestion(
        child, parent, together, confidence, lift, timedelta(seconds=median(x.total_seconds() for x in lags))
    )


def _follows(moments: Sequence[datetime], at: datetime) -> int:
    """Whether one of these comes within the window after it."""
    place = bisect_right(moments, at)
    return int(place < len(moments) and moments[place] - at <= WITHIN)


def _reduced(found: Sequence[Suggestion], graph: Graph) -> Iterator[Suggestion]:
    """Without what would make a cycle, and without what two others say as well."""
    taken: list[Suggestion] = []
    present = graph
    for each in found:
        if present.can_hang(each.child, each.parent):
            taken.append(each)
            present = _with(present, each)
    pairs = {(each.parent, each.child) for each in taken}
    for each in taken:
        steps = {child for parent, child in pairs if parent == each.parent} - {each.child}
        if not any((step, each.child) in pairs for step in steps):
            yield each


def _with(graph: Graph, suggestion: Suggestion) -> Graph:
    edges = (*graph.parents.get(suggestion.child, ()), Edge(suggestion.parent, is_learned=True))
    return replace(graph, parents={**graph.parents, suggestion.child: edges})


def _is_in(at: datetime, spans: Iterable[Span]) -> bool:
    return any(begin <= at < end for begin, end in spans)
