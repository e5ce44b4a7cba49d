"""The routing tree as it is, drawn; and a tester: where an alert with given labels goes, why, and who is told."""

from __future__ import annotations

import asyncio

from nicegui import ui

from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import ROOT, page
from healthmgr.dashboard.templates import render
from healthmgr.definitions.tree import RoutingTree
from healthmgr.domain.check import Severity
from healthmgr.domain.label_text import read_labels
from healthmgr.domain.routing_tree import ALL_LABELS
from healthmgr.errors import HealthmgrError
from healthmgr.views_oncall import WhoView
from healthmgr.views_routes import WalkView, route_view, walk_view


@page("/routes", "Routes")
async def show_routes(place: Place, labels: str = "") -> None:
    """The tree, with the way that an alert takes in it."""
    labels = labels[:5000]
    tree = await place.live.ask("routing tree", place.healthmgr.defining.tree, 5)
    ui.html(render("routes_form", labels=labels, root=ROOT), sanitize=False)
    verdicts: dict[str, tuple[str, str]] = {}
    if labels.strip():
        try:
            walk, who = await asyncio.to_thread(lambda: _walk(place, tree, labels))
        except HealthmgrError as error:
            ui.html(render("routes_fault", fault=str(error)), sanitize=False)
        else:
            verdicts = {step.path: (step.verdict.value, step.reason) for step in walk.steps}
            ui.html(render("routes_walk", walk=walk, who=who, labels=labels, root=ROOT), sanitize=False)
    root = route_view(tree)
    ui.html(render("routes_tree", route=root, verdicts=verdicts, every=[ALL_LABELS]), sanitize=False)


def _walk(place: Place, tree: RoutingTree, labels: str) -> tuple[WalkView, WhoView]:
    """The way, and whom its routes and the levels of their policies mean at this moment."""
    walk = walk_view(tree, read_labels(labels))
    own = {name: value for name, value in walk.labels.items() if name != "severity"}
    severity = Severity(walk.labels["severity"])
    return walk, place.healthmgr.oncall.reading.who(own, severity, place.healthmgr.now())
