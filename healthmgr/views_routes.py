"""How the routing tree is read: routes with all that they inherit; where an alert goes. Lengths are text."""

from __future__ import annotations

from collections.abc import Mapping

from healthmgr.definitions.tree import RoutingTree
from healthmgr.domain.check import Severity
from healthmgr.domain.plan import Leg
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.routing_steps import Verdict, steps
from healthmgr.domain.routing_tree import GROUP_WAIT, REPEAT_INTERVAL, Match, Options, Route, inherit
from healthmgr.views import View

_NO_GROUP_BY = ("service or else check",)  # what is grouped by where nobody says anything


class RouteView(View):
    """A route. `told` says in words whom it tells; `managed_by` is said of those right below the root alone."""

    name: str
    path: str
    matchers: list[str]
    receiver: str
    told: str
    continues: bool
    group_by: list[str]
    group_wait: str
    group_interval: str
    repeat_interval: str
    cadence: str
    mute_during: list[str]
    active_during: list[str]
    managed_by: str
    routes: list[RouteView]


class TargetView(View):
    """A recipient over a channel."""

    recipient: str
    channel: str


class LegView(View):
    """A route that an alert ends at, and whom it tells."""

    path: str
    because: str
    receiver: str
    targets: list[TargetView]
    escalation: str
    group_interval: str
    repeat_interval: str
    cadence: str
    sends_resolved: bool
    mute_during: list[str]
    active_during: list[str]
    decides: bool


class GroupView(View):
    """The group that an alert is told with, by the route that decides: the last one."""

    route: str
    key: str
    labels: dict[str, str]
    wait: str
    interval: str
    reaches_somebody: bool


class StepView(View):
    """A route on the way: taken, entered, unfit or untried, and why."""

    name: str
    path: str
    depth: int
    verdict: Verdict
    reason: str


class WalkView(View):
    """Where an alert with these labels goes."""

    labels: dict[str, str]
    routes: list[LegView]
    group: GroupView
    steps: list[StepView]


def route_view(tree: RoutingTree) -> RouteView:
    """The whole tree, from its root."""
    return _route_view(tree, tree.directory.root, ())


def _route_view(tree: RoutingTree, route: Route, above: tuple[str, ...]) -> RouteView:
    path = (*above, route.name)
    options = route.options
    leg = tree.directory.leg(Match(path, route))
    group_by = _NO_GROUP_BY if options.group_by is None else options.group_by
    return RouteView(
        name=route.name,
        path="/".join(path),
        matchers=[str(matcher) for matcher in route.matchers],
        receiver=route.receiver,
        told=_told(leg),
        continues=route.continues,
        group_by=list(group_by),
        group_wait=_wait(options),
        group_interval=format_duration(options.interval),
        repeat_interval=format_duration(options.repeat_interval or REPEAT_INTERVAL),
        cadence=format_duration(options.cadence),
        mute_during=list(route.mute_during),
        active_during=list(route.active_during),
        managed_by=tree.sources.get(route.name, "") if len(path) <= _TOP else "",
        routes=[_route_view(tree, inherit(child, route), path) for child in route.routes],
    )


_TOP = 2  # names in the path of a route right below the root


def _told(leg: Leg) -> str:
    over: dict[str, list[str]] = {}
    for target in leg.targets:
        over.setdefault(target.channel, []).append(target.recipient)
    told = [f"{', '.join(recipients)} over {channel}" for channel, recipients in over.items()]
    reached = "; ".join([*told, *([f"policy {leg.policy.name}"] if leg.policy is not None else [])])
    return f"{leg.receiver} ({reached or 'nobody'})" if leg.receiver else reached


def _wait(options: Options) -> str:
    if options.group_wait is not None:
        return format_duration(options.group_wait)
    return f"{format_duration(GROUP_WAIT)} (critical: {format_duration(options.wait(Severity.CRITICAL))})"


def walk_view(tree: RoutingTree, given: Mapping[str, str]) -> WalkView:
    """Where an alert goes of which these labels are known; without a severity it is taken for a high one."""
    labels = {"severity": Severity.HIGH.value, **tree.labels_of(given)}
    severity = Severity(labels["severity"])
    matches = tree.directory.matches(labels)
    walked = list(steps(tree.directory.root, labels))
    reasons = {step.path: step.reason(labels) for step in walked}
    grouping = tree.directory.grouping({n: v for n, v in labels.items() if n != "severity"}, severity)
    legs = [_leg_view(tree, match, reasons, match is matches[-1]) for match in matches]
    return WalkView(
        labels=labels,
        routes=legs,
        group=GroupView(
            route=grouping.route,
            key=grouping.key,
            labels=dict(grouping.labels),
            wait=format_duration(grouping.wait),
            interval=format_duration(matches[-1].route.options.interval),
            reaches_somebody=any(leg.targets or leg.escalation for leg in legs),
        ),
        steps=[
            StepView(
                name=step.path[-1],
                path="/".join(step.path),
                depth=len(step.path) - 1,
                verdict=step.verdict,
                reason=step.reason(labels),
            )
            for step in walked
        ],
    )


def _leg_view(tree: RoutingTree, match: Match, reasons: Mapping[tuple[str, ...], str], decides: bool) -> LegView:
    leg, options = tree.directory.leg(match), match.route.options
    passed = [match.path[:length] for length in range(2, len(match.path) + 1)] or [match.path]
    return LegView(
        path=match.name,
        because="; ".join(reasons[path] for path in passed),
        receiver=leg.receiver,
        targets=[TargetView(recipient=target.recipient, channel=target.channel) for target in leg.targets],
        escalation=leg.policy.name if leg.policy is not None else "",
        group_interval=format_duration(options.interval),
        repeat_interval=format_duration(options.repeat_interval or REPEAT_INTERVAL),
        cadence=format_duration(leg.cadence),
        sends_resolved=leg.sends_resolved,
        mute_during=list(leg.mute_during),
        active_during=list(leg.active_during),
        decides=decides,
    )
