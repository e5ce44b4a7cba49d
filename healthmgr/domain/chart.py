"""The graph with what people ask of it: who would hear, and how far it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from healthmgr.domain.cascade import Graph, Impact


@dataclass(frozen=True, slots=True)
class Hearers:
    """Who would be told of some checks: people by how many of the checks, escalation policies, and teams of them."""

    people: Mapping[str, int]
    policies: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Consequences:
    """What the failure of one check takes with it, and who would be told of it: by the root alone, and by all of it."""

    impact: Impact
    hearers: Hearers
    hearers_of_fallen: Hearers


@dataclass(frozen=True, slots=True)
class Chart:
    """The whole graph, and the longest chain in it."""

    graph: Graph
    critical_path: tuple[str, ...]
