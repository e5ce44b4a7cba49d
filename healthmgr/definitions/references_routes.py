"""The second reading of the routing tree: names, routes that are never reached, and how often people are told."""

from __future__ import annotations

from healthmgr.definitions.definition import RouteDefinition, Stored, order_of
from healthmgr.definitions.faults import shown
from healthmgr.definitions.known import Known
from healthmgr.definitions.reachability import find_contradiction, find_swallowed
from healthmgr.domain.matcher import Matcher
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.routing_tree import ROOT, Route, inherit

Path = tuple[str, ...]


class RouteJudge:
    """Judges the routes of a draft beside those that other sources have stored."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._draft = known.draft

    def judge(self) -> None:
        """What the routes say about each other, and about receivers and time windows."""
        root = self._root()
        for name, definition in self._draft.routes.items():
            above = None if name == ROOT else root
            self._judge_route(definition.route, (name,), above, ())
        self._judge_top()
        self._judge_catch_all()

    def _root(self) -> Route:
        """The catch-all whose options the others inherit, wherever it is defined."""
        own = self._draft.routes.get(ROOT)
        stored = self._known.others.routes.get(ROOT) if self._known.others is not None else None
        found = own or (stored.definition if stored is not None else None)
        return found.route if found is not None else Route(ROOT)

    def _judge_route(self, route: Route, path: Path, above: Route | None, demands: tuple[Matcher, ...]) -> None:
        place = self._draft.places[path]
        if route.receiver:
            self._known.judge_name(route.receiver, "receivers", *place, "receiver")
        self._known.judge_reach(route.to, route.via, *place)
        if route.escalation:
            self._known.judge_name(route.escalation, "escalation_policies", *place, "escalation")
        for field, names in (("mute_during", route.mute_during), ("active_during", route.active_during)):
            for name in names:
                self._known.judge_name(name, "time_windows", *place, field)
        whole = route if above is None else inherit(route, above)
        self._judge_cadence(route, whole, path)
        met = (*demands, *route.matchers)
        contradiction = find_contradiction(met)
        if contradiction is not None:
            exact, other = contradiction
            self._draft.say(f"no alert can have both {exact} and {other}", *place, "matchers")
        for later, earlier in find_swallowed(route.routes):
            self._say_swallowed((*path, route.routes[later].name), route.routes[earlier].name)
        for child in route.routes:
            self._judge_route(child, (*path, child.name), whole, met if contradiction is None else ())

    def _judge_cadence(self, route: Route, whole: Route, path: Path) -> None:
        said = [name for name in ("repeat_interval", "group_interval") if getattr(route.options, name) is not None]
        repeat = whole.options.repeat_interval
        if said and repeat is not None and repeat < whole.options.interval:
            interval, cadence = format_duration(whole.options.interval), format_duration(whole.options.cadence)
            message = f"a group is looked at every {interval} (group_interval), so it is told again every {cadence}"
            self._known.warn(message, *self._draft.places[path], said[0])

    def _judge_top(self) -> None:
        """The routes right below the root, of all sources in their order."""
        siblings = self._top()
        routes = [stored.definition.route for stored in siblings]
        for later, earlier in find_swallowed(routes):
            last, first = siblings[later], siblings[earlier]
            is_own, name = last.managed_by == self._draft.source, routes[later].name
            if is_own and first.managed_by == self._draft.source:
                self._say_swallowed((name,), routes[earlier].name)
            elif is_own:
                whose = f"route {shown(routes[earlier].name)} of {first.managed_by} takes every alert that it is for"
                self._known.warn(f"is never reached: {whose}", *self._draft.places[(name,)])
            elif first.managed_by == self._draft.source:
                message = f"takes every alert that route {shown(name)} of {last.managed_by} is for"
                self._known.warn(message, *self._draft.places[(routes[earlier].name,)])

    def _top(self) -> list[Stored[RouteDefinition]]:
        others = self._known.others.routes if self._known.others is not None else {}
        kept = [stored for name, stored in others.items() if name not in self._draft.declared["routing"]]
        own = [Stored(definition, self._draft.source) for definition in self._draft.routes.values()]
        return sorted((each for each in [*kept, *own] if each.definition.name != ROOT), key=order_of)

    def _say_swallowed(self, path: Path, earlier: str) -> None:
        message = f"is never reached: route {shown(earlier)} before it takes every alert that it is for, and does not"
        self._draft.say(f"{message} `continue`", *self._draft.places[path])

    def _judge_catch_all(self) -> None:
        if self._known.is_known("routing", ROOT):
            self._judge_default_recipients()
            return
        others = self._known.others
        if others is None and not self._draft.declared["routing"]:
            self._known.warn("has no routing: another file must define the catch-all route `default`")
        else:
            message = "has no catch-all: add routing.default with `to` and `via`, so that no alert goes untold"
            self._draft.say(message, "routing")

    def _judge_default_recipients(self) -> None:
        """The catch-all names people itself: they are told when a policy has come to its end."""
        root = self._draft.routes.get(ROOT)
        name = root.route.receiver if root is not None else ""
        stored = self._known.stored("receivers").get(name)
        receiver = self._draft.receivers.get(name) or (stored.definition if stored is not None else None)
        if receiver is not None and not receiver.recipients:
            message = f"tells nobody by itself: give receiver {shown(name)} `to` and `via` besides its policy"
            self._draft.say(message, *self._draft.places[(ROOT,)], "receiver")
