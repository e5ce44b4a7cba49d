"""The shapes in which forecasts, the graph of dependencies, changes and causes are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from healthmgr.domain.cascade import Fallen, SinglePoint
from healthmgr.domain.cause import Cause, KeptChange
from healthmgr.domain.chart import Chart, Consequences, Hearers
from healthmgr.domain.cofailure import Suggested
from healthmgr.domain.forecast import Forecast, Measured
from healthmgr.domain.forecast_telling import Foreseen
from healthmgr.domain.forecast_words import explanation, summary
from healthmgr.views import View


class EdgeView(View):
    """A check hangs on a parent; parents of one group stand in for each other; people accepted a learned one."""

    check: str
    parent: str
    redundancy_group: str
    is_learned: bool


class NodeView(View):
    """A check in the graph."""

    check: str
    service: str


class GraphView(View):
    """Who hangs on whom, and the longest chain from its root down."""

    checks: list[NodeView]
    edges: list[EdgeView]
    critical_path: list[str]

    @classmethod
    def of(cls, chart: Chart) -> GraphView:
        """As it is read."""
        graph = chart.graph
        edges = [
            EdgeView(check=slug, parent=e.parent, redundancy_group=e.group, is_learned=e.is_learned)
            for slug in sorted(graph.parents)
            for e in graph.parents[slug]
        ]
        nodes = [NodeView(check=slug, service=service) for slug, service in sorted(graph.services.items())]
        return cls(checks=nodes, edges=edges, critical_path=list(chart.critical_path))


class FallenView(View):
    """A check that falls, so many steps below what failed."""

    check: str
    service: str
    depth: int
    because_of: list[str]

    @classmethod
    def of(cls, fallen: Fallen) -> FallenView:
        """As it is read."""
        return cls(check=fallen.slug, service=fallen.service, depth=fallen.depth, because_of=list(fallen.because_of))


class HearersView(View):
    """Who would be told: people by how many of the checks, escalation policies, and teams of these people."""

    people: dict[str, int]
    policies: list[str]
    teams: list[str]

    @classmethod
    def of(cls, hearers: Hearers) -> HearersView:
        """As it is read."""
        return cls(people=dict(hearers.people), policies=list(hearers.policies), teams=list(hearers.teams))


class ImpactView(View):
    """What the failure of one check takes with it.

    `weakened` stand on others of their redundancy group; `told` hear of the check itself, `concerned` would hear of
    what falls with it if that failed by itself.
    """

    check: str
    service: str
    fallen: list[FallenView]
    services: list[str]
    weakened: list[str]
    depth: int
    critical_path: list[str]
    told: HearersView
    concerned: HearersView

    @classmethod
    def of(cls, found: Consequences) -> ImpactView:
        """As it is read."""
        impact = found.impact
        return cls(
            check=impact.slug,
            service=impact.service,
            fallen=[FallenView.of(each) for each in impact.fallen],
            services=list(impact.services),
            weakened=list(impact.weakened),
            depth=impact.depth,
            critical_path=list(impact.longest_path),
            told=HearersView.of(found.hearers),
            concerned=HearersView.of(found.hearers_of_fallen),
        )


class SinglePointView(View):
    """A check that others fall with: how many, and which other services lose checks."""

    check: str
    service: str
    checks: int
    services: list[str]

    @classmethod
    def of(cls, point: SinglePoint) -> SinglePointView:
        """As it is read."""
        return cls(check=point.slug, service=point.service, checks=point.checks, services=list(point.services))


class SuggestionView(View):
    """A learned dependency: `check` may hang on `parent`. `state` is open, accepted or dismissed; `lag` is seconds."""

    check: str
    parent: str
    together: int
    confidence: float
    lift: float
    lag: float
    state: str
    seen_at: datetime
    decided_at: datetime | None
    decided_by: str
    comment: str

    @classmethod
    def of(cls, suggested: Suggested) -> SuggestionView:
        """As it is read."""
        pair = suggested.suggestion
        return cls(
            check=pair.child,
            parent=pair.parent,
            together=pair.together,
            confidence=round(pair.confidence, 3),
            lift=round(pair.lift, 1),
            lag=pair.lag.total_seconds(),
            state=suggested.state.value,
            seen_at=suggested.seen_at,
            decided_at=suggested.decided_at,
            decided_by=suggested.decided_by,
            comment=suggested.comment,
        )


class ChangeView(View):
    """Something that was changed on purpose; `source` is the door that it was reported through."""

    id: UUID
    at: datetime
    service: str
    title: str
    version: str
    by: str
    link: str
    source: str
    reported_at: datetime

    @classmethod
    def of(cls, kept: KeptChange) -> ChangeView:
        """As it is read."""
        changed = kept.changed
        return cls(
            id=kept.id,
            at=changed.at,
            service=changed.service,
            title=changed.title,
            version=changed.version,
            by=changed.by,
            link=changed.link,
            source=kept.source,
            reported_at=kept.reported_at,
        )


class EvidenceView(View):
    """One thing that speaks for a cause (weight above 0) or against it."""

    kind: str
    weight: float
    words: str


class CauseView(View):
    """What an incident may come from: a check, a change or a place, with all that speaks for it."""

    kind: str
    subject: str
    service: str
    score: float
    at: datetime | None
    link: str
    words: str
    evidence: list[EvidenceView]

    @classmethod
    def of(cls, cause: Cause) -> CauseView:
        """As it is read."""
        return cls(
            kind=cause.kind.value,
            subject=cause.subject,
            service=cause.service,
            score=cause.score,
            at=cause.at,
            link=cause.link,
            words=cause.words,
            evidence=[EvidenceView(kind=e.kind.value, weight=e.weight, words=e.words) for e in cause.evidence],
        )


class CausesView(View):
    """The likeliest causes first; `found_at` is null while nobody has looked yet."""

    found_at: datetime | None
    causes: list[CauseView]

    @classmethod
    def of(cls, found_at: datetime | None, causes: Sequence[Cause]) -> CausesView:
        """As it is read."""
        return cls(found_at=found_at, causes=[CauseView.of(each) for each in causes])


class ForecastView(View):
    """What is to be expected of one metric; lengths are seconds, `per_hour` is the slope.

    `is_told` says whether people have heard of it.
    """

    check: str
    metric: str
    threshold: str
    horizon: float
    window: float
    severity: str
    seen: str
    words: str
    explanation: str
    is_told: bool
    value: float | None
    per_hour: float | None
    expected_at_horizon: float | None
    crosses_at: datetime | None
    earliest: datetime | None
    latest: datetime | None
    r_squared: float | None
    points: int
    series: list[tuple[datetime, float]]

    @classmethod
    def of(cls, foreseen: Foreseen, forecast: Forecast, points: Measured) -> ForecastView:
        """As it is read."""
        rule = foreseen.rule
        facts: dict[str, Any] = {
            name: getattr(forecast, name)
            for name in ("value", "crosses_at", "earliest", "latest", "r_squared", "points")
        }
        return cls(
            check=foreseen.slug,
            metric=rule.metric,
            threshold=rule.threshold.text,
            horizon=rule.horizon.total_seconds(),
            window=rule.window.total_seconds(),
            severity=rule.severity.value,
            seen=forecast.seen.value,
            words=summary(forecast, rule),
            explanation=explanation(forecast),
            is_told=foreseen.memory.is_told,
            per_hour=forecast.slope,
            expected_at_horizon=forecast.expected,
            series=list(points),
            **facts,
        )
