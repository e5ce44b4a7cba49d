"""A simulated topology: services in layers and zones, with metrics, in which root causes are injected.

Nothing in it knows how causes are found; what the analysis is given of the graph lacks some edges, as in life.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from healthmgr.domain.cascade import Edge, Graph
from healthmgr.domain.cause import Cause, Changed, Situation
from healthmgr.domain.cause_weighing import find_causes
from healthmgr.domain.observing import Minutes, observe
from tests.domain.making import NOW

MINUTE = timedelta(minutes=1)
LAYERS = (20, 50, 60, 70)  # services: what everything stands on first, what users see last
ZONES = 4
METRICS = ("latency", "error_rate", "saturation")
KINDS = ("crash", "latency", "saturation", "deployment", "partition")
MINUTES_BEFORE, MINUTES_AFTER = 60, 5
FORGOTTEN = 0.1  # of the edges, which nobody wrote down


@dataclass
class Topology:
    """200 services, each with one check of its name."""

    zones: Mapping[str, int]
    true: Graph
    declared: Graph

    @property
    def places(self) -> Mapping[str, frozenset[str]]:
        return {f"zone=z{zone}": frozenset(s for s, z in self.zones.items() if z == zone) for zone in range(ZONES)}


@dataclass
class Scene:
    """One incident: what was injected, and what could be seen of it."""

    kind: str
    truth: str
    failed_at: dict[str, datetime] = field(default_factory=dict)
    troubled_at: dict[str, float] = field(default_factory=dict)  # minutes from the injection
    shifts: dict[tuple[str, str], tuple[float, float, float]] = field(default_factory=dict)  # at, deviations, ramp
    changes: list[Changed] = field(default_factory=list)


def topology(seed: int) -> Topology:
    """Every service hangs on one to three of the layers above, every fourth time on a pair that stands in."""
    chance = random.Random(seed)
    names: list[list[str]] = []
    parents: dict[str, list[Edge]] = {}
    number = 0
    for layer, count in enumerate(LAYERS):
        names.append([f"svc-{number + index:03}" for index in range(count)])
        number += count
        for name in names[layer] if layer else ():
            above = [each for tier in names[max(0, layer - 2) : layer] for each in tier]
            chosen = chance.sample(above, chance.randint(1, 3))
            edges = [Edge(each) for each in chosen]
            if len(edges) > 1 and chance.random() < 0.25:
                edges = [Edge(edges[0].parent, "pair"), Edge(edges[1].parent, "pair"), *edges[2:]]
            parents[name] = edges
    services = {name: name for tier in names for name in tier}
    written = {name: [e for e in edges if chance.random() >= FORGOTTEN] for name, edges in parents.items()}
    zones = {name: chance.randrange(ZONES) for name in services}
    return Topology(zones, Graph(services, parents), Graph(services, written))


def inject(of: Topology, kind: str, seed: int) -> Scene:
    """An incident of this kind, with all that happens by coincidence at the same time."""
    chance = random.Random(seed)
    if kind == "partition":
        zone = chance.randrange(ZONES)
        scene = Scene(kind, f"zone=z{zone}")
        for name in sorted(name for name, z in of.zones.items() if z == zone):
            if chance.random() < 0.85:
                _trouble(scene, name, chance.uniform(0, 1), chance, fails=0.9)
    else:
        root = chance.choice([name for name in sorted(of.true.services) if len(of.true.below(name)) >= 4])
        scene = Scene(kind, root)
        _begin(scene, root, kind, chance)
    _spread(of, scene, chance)
    _coincide(of, scene, chance)
    return scene


def _begin(scene: Scene, root: str, kind: str, chance: random.Random) -> None:
    scene.troubled_at[root] = 0.0
    if kind == "crash":
        scene.failed_at[root] = NOW + MINUTE * chance.uniform(0.2, 1.2)
        scene.shifts[root, "error_rate"] = (0.0, 30.0, 0.0)
    elif kind == "latency":
        scene.shifts[root, "latency"] = (0.0, chance.uniform(10, 40), 3.0)
        if chance.random() < 0.6:
            scene.failed_at[root] = NOW + MINUTE * chance.uniform(1.5, 4.0)
    elif kind == "saturation":
        scene.troubled_at[root] = 0.0
        scene.shifts[root, "saturation"] = (-8.0, chance.uniform(15, 30), 8.0)
        scene.shifts[root, "latency"] = (0.0, chance.uniform(8, 25), 2.0)
        if chance.random() < 0.5:
            scene.failed_at[root] = NOW + MINUTE * chance.uniform(1.0, 4.0)
    else:
        scene.truth = f"Deploy {root}"
        scene.changes.append(Changed(root, scene.truth, NOW - MINUTE * chance.uniform(1, 12), "v42", "ann"))
        scene.shifts[root, "error_rate"] = (0.0, chance.uniform(12, 40), 1.0)
        if chance.random() < 0.8:
            scene.failed_at[root] = NOW + MINUTE * chance.uniform(0.5, 3.0)


def _trouble(scene: Scene, name: str, at: float, chance: random.Random, fails: float) -> None:
    scene.troubled_at[name] = at
    metric = chance.choice(("latency", "error_rate"))
    scene.shifts[name, metric] = (at, chance.uniform(8, 30), chance.uniform(0, 2))
    if chance.random() < fails:
        scene.failed_at[name] = NOW + MINUTE * (at + chance.uniform(0.2, 2.0))


def _spread(of: Topology, scene: Scene, chance: random.Random) -> None:
    """Down the true edges: most of what hangs on trouble is troubled soon after, unless something stands in for it."""
    for name in of.true.from_top():
        if name in scene.troubled_at:
            continue
        groups = [[scene.troubled_at.get(parent) for parent in group] for group in of.true.needs(name)]
        gone = [max(times) for times in groups if None not in times]
        if gone and chance.random() < 0.8:
            at = min(gone) + chance.uniform(0.1, 2.0)
            if at < MINUTES_AFTER:
                _trouble(scene, name, at, chance, fails=0.7)


def _coincide(of: Topology, scene: Scene, chance: random.Random) -> None:
    """What has nothing to do with it: checks that fail, metrics that move, deployments."""
    calm = [name for name in sorted(of.true.services) if name not in scene.troubled_at]
    for name in chance.sample(calm, chance.randint(1, 3)):
        scene.failed_at[name] = NOW + MINUTE * chance.uniform(-10, 4)
    for name in chance.sample(calm, chance.randint(2, 4)):
        scene.shifts[name, chance.choice(METRICS)] = (chance.uniform(-12, 3), chance.uniform(8, 20), 1.0)
    for name in chance.sample(sorted(of.true.services), chance.randint(1, 3)):
        scene.changes.append(Changed(name, f"Release {name}", NOW - MINUTE * chance.uniform(0, 50), "v7", "bob"))


def minutes(of: Topology, scene: Scene, chance: random.Random) -> Iterator[Minutes]:
    """Every metric of every service: a daily wave, noise, and what was injected."""
    count = MINUTES_BEFORE + MINUTES_AFTER
    for name in sorted(of.true.services):
        for metric in METRICS:
            level = chance.uniform(20, 200)
            noise = level * chance.uniform(0.02, 0.1)
            at, size, ramp = scene.shifts.get((name, metric), (1e9, 0.0, 0.0))
            values: list[float | None] = []
            for index in range(count):
                minute = index - MINUTES_BEFORE
                share = min(1.0, max(0.0, (minute - at + 0.5) / ramp)) if ramp else float(minute >= at)
                wave = noise * math.sin(index / 40)
                is_missing = chance.random() < 0.02
                values.append(None if is_missing else level + wave + chance.gauss(0, noise) + share * size * noise)
            yield Minutes(name, metric, NOW - MINUTE * MINUTES_BEFORE, values)


def analyse(of: Topology, scene: Scene, seed: int, *, is_narrow: bool = False) -> list[Cause]:
    """What is found: of an incident with everything that fails in it, or of one that a single service has."""
    chance = random.Random(seed)
    series = list(minutes(of, scene, chance))
    failed = {name: at for name, at in scene.failed_at.items() if at <= NOW + MINUTE * MINUTES_AFTER}
    symptoms = frozenset(failed)
    if is_narrow:
        symptoms = frozenset({chance.choice(sorted(name for name in failed if name in scene.troubled_at))})
    opened_at = min(failed[name] for name in symptoms)
    observed = observe(series, failed, symptoms, opened_at)
    return find_causes(Situation(opened_at, symptoms, observed, of.declared, scene.changes, of.places))


def rank_of(truth: str, causes: list[Cause]) -> int:
    """From 1 on; 0 where it is not among them."""
    return next((place for place, cause in enumerate(causes, 1) if cause.subject == truth), 0)
