"""What falls when something fails: the graph of who hangs on whom, followed downwards.

A check falls when any one thing that it needs is gone: a parent of its own, or all parents of one redundancy group.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Edge:
    """A check hangs on `parent`; parents of one `group` stand in for each other. People accepted a learned one."""

    parent: str
    group: str = ""
    is_learned: bool = False


@dataclass(frozen=True)
class Graph:
    """All checks with their services, and what each of them hangs on; cycles have been refused before."""

    services: Mapping[str, str]
    parents: Mapping[str, Sequence[Edge]] = field(default_factory=dict)

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """What hangs right on each."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for child in sorted(self.parents):
            for edge in self.parents[child]:
                found[edge.parent].append(child)
        return {parent: tuple(dict.fromkeys(children)) for parent, children in found.items()}

    def needs(self, slug: str) -> list[list[str]]:
        """What it needs: of each of these, at least one."""
        groups: dict[str, list[str]] = {}
        for edge in self.parents.get(slug, ()):
            groups.setdefault(edge.group or f"\0{edge.parent}", []).append(edge.parent)
        return list(groups.values())

    def hangs_on(self, slug: str) -> set[str]:
        """All that it hangs on, however far above."""
        return _reach([slug], lambda name: (edge.parent for edge in self.parents.get(name, ())))

    def below(self, slug: str) -> set[str]:
        """All that hangs on it, whether it would fall or has something else to hold on to."""
        return _reach([slug], lambda name: self.children.get(name, ()))

    def can_hang(self, child: str, parent: str) -> bool:
        """Whether a further edge would make no cycle."""
        return child != parent and child not in self.hangs_on(parent)

    def from_top(self) -> list[str]:
        """All checks, each after everything that it hangs on; raises ValueError where some hang on themselves."""
        waiting = {slug: len({edge.parent for edge in self.parents.get(slug, ())}) for slug in self.services}
        ready = deque(sorted(slug for slug, count in waiting.items() if not count))
        order = []
        while ready:
            slug = ready.popleft()
            order.append(slug)
            for child in self.children.get(slug, ()):
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        if len(order) < len(waiting):
            raise ValueError(f"{len(waiting) - len(order)} checks hang on themselves by way of others")
        return order


@dataclass(frozen=True, slots=True)
class Fallen:
    """A check that falls, `depth` steps below what failed, because of these right above it."""

    slug: str
    service: str
    depth: int
    because_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """What the failure of one check takes with it, nearest first.

    `weakened` are those that lose a parent and stand on others of its redundancy group.
    """

    slug: str
    service: str
    fallen: tuple[Fallen, ...] = ()
    weakened: tuple[str, ...] = ()
    longest_path: tuple[str, ...] = ()

    @property
    def services(self) -> tuple[str, ...]:
        """The services of what falls, by how much of each does."""
        counts: defaultdict[str, int] = defaultdict(int)
        for each in self.fallen:
            if each.service:
                counts[each.service] += 1
        return tuple(sorted(counts, key=lambda name: (-counts[name], name)))

    @property
    def words(self) -> str:
        """How much of what falls: "12 checks in 4 services"; "" for nothing."""
        return _extent(len(self.fallen), len(self.services))

    @property
    def depth(self) -> int:
        """How many steps away the farthest of them is."""
        return max((each.depth for each in self.fallen), default=0)


def impact(graph: Graph, slug: str) -> Impact:
    """What falls with it, everything else being well. Raises KeyError for a check that is not there."""
    service = graph.services[slug]
    fallen = fall(graph, [slug])
    hit = {slug, *fallen}
    weakened = {child for name in hit for child in graph.children.get(name, ()) if child not in hit}
    found = tuple(
        Fallen(name, graph.services.get(name, ""), depth, _lost_by(graph, name, hit, fallen, depth))
        for name, depth in sorted(fallen.items(), key=lambda pair: (pair[1], pair[0]))
    )
    return Impact(slug, service, found, tuple(sorted(weakened)), _longest_within(graph, slug, hit))


def extent(graph: Graph, failed: Collection[str]) -> tuple[int, str]:
    """How many checks fall when all of these fail together, and the same in words: "12 checks in 4 services"."""
    fallen = fall(graph, failed)
    services = {graph.services.get(name, "") for name in fallen} - {""}
    return len(fallen), _extent(len(fallen), len(services))


def fall(graph: Graph, failed: Collection[str]) -> dict[str, int]:
    """What falls when all of these fail together, and how many steps below them each lies."""
    left: dict[str, list[set[str]]] = {}
    depths = dict.fromkeys(failed, 0)
    ahead = deque(failed)
    while ahead:
        name = ahead.popleft()
        for child in graph.children.get(name, ()):
            if child in depths:
                continue
            groups = left.setdefault(child, [set(group) for group in graph.needs(child)])
            for group in groups:
                group.discard(name)
            if not all(groups):
                depths[child] = depths[name] + 1
                ahead.append(child)
    return {name: depth for name, depth in depths.items() if depth}


@dataclass(frozen=True, slots=True)
class SinglePoint:
    """A check whose failure alone takes others with it: how many, and those of which other services."""

    slug: str
    service: str
    checks: int
    services: tuple[str, ...]


def single_points(graph: Graph) -> list[SinglePoint]:
    """All checks that others fall with, the gravest first.

    Worked out for all of them at once, in sets that are bits of numbers. From the top down: what a check falls with is
    itself, and whatever all parents of any one of its groups fall with. From the bottom up: with a check falls what it
    is the only parent of, what falls with it by a whole group, and what falls with those.
    """
    order = graph.from_top()
    places = {slug: place for place, slug in enumerate(order)}
    by_group = _fallen_by_group(graph, order, places)
    names = sorted({*graph.services.values()} - {""})
    bits = {name: 1 << place for place, name in enumerate(names)}
    checks, services = [0] * len(order), [0] * len(order)
    for place in range(len(order) - 1, -1, -1):
        slug = order[place]
        own = [places[c] for c in graph.children.get(slug, ()) if [slug] in graph.needs(c)]
        checks[place], services[place] = 1 << place, bits.get(graph.services[slug], 0)
        for below in (*own, *by_group[place]):
            checks[place] |= checks[below]
            services[place] |= services[below]
    found = []
    for place, slug in enumerate(order):
        count = checks[place].bit_count() - 1
        if count:
            own_service = graph.services[slug]
            others = services[place] & ~bits.get(own_service, 0)
            found.append(SinglePoint(slug, own_service, count, tuple(names[bit] for bit in _bits(others))))
    return sorted(found, key=lambda each: (-len(each.services), -each.checks, each.slug))


def _fallen_by_group(graph: Graph, order: Sequence[str], places: Mapping[str, int]) -> list[list[int]]:
    """For each check those that fall with it because it takes all alternatives of one of their groups along."""
    falls_with: list[int] = []
    by_group: list[list[int]] = [[] for _ in order]
    for place, slug in enumerate(order):
        alone, together = 1 << place, 0
        for group in graph.needs(slug):
            common = -1
            for parent in group:
                common &= falls_with[places[parent]]
            if len(group) == 1:
                alone |= common
            else:
                together |= common
        falls_with.append(alone | together)
        for other in _bits(together & ~alone):
            by_group[other].append(place)
    return by_group


def longest_chain(graph: Graph, through: str | None = None) -> tuple[str, ...]:
    """The longest chain of checks that hang on each other, from its root down; the one through this check if given."""
    order = graph.from_top()
    up = _farthest(order, lambda slug: (edge.parent for edge in graph.parents.get(slug, ())))
    down = _farthest(reversed(order), lambda slug: graph.children.get(slug, ()))
    if not order:
        return ()
    start = through or min(order, key=lambda slug: (-up[slug][0] - down[slug][0], slug))
    above = [*_chain(up, start)]
    return (*reversed(above), *[*_chain(down, start)][1:])


def _extent(checks: int, services: int) -> str:
    if not checks:
        return ""
    within = f" in {services} service{'' if services == 1 else 's'}" if services else ""
    return f"{checks} check{'' if checks == 1 else 's'}{within}"


def _longest_within(graph: Graph, slug: str, hit: set[str]) -> tuple[str, ...]:
    """The longest chain down from here along which things fall."""
    parents = {name: [edge for edge in graph.parents.get(name, ()) if edge.parent in hit] for name in hit}
    parents[slug] = []
    part = Graph({name: graph.services.get(name, "") for name in hit}, parents)
    return longest_chain(part, slug)


def _lost_by(graph: Graph, name: str, hit: set[str], depths: Mapping[str, int], depth: int) -> tuple[str, ...]:
    lost = {parent for group in graph.needs(name) if hit.issuperset(group) for parent in group}
    nearest = [parent for parent in lost if depths.get(parent, 0) < depth]
    return tuple(sorted(nearest or lost))


def _farthest(order: Iterable[str], next_of: Callable[[str], Iterable[str]]) -> dict[str, tuple[int, str]]:
    """Of each name the length of the longest way on, and its next step."""
    found: dict[str, tuple[int, str]] = {}
    for slug in order:
        steps = [(found[name][0] + 1, name) for name in next_of(slug)]
        found[slug] = max(steps, key=lambda step: (step[0], step[1]), default=(0, ""))
    return found


def _chain(farthest: Mapping[str, tuple[int, str]], start: str) -> Iterator[str]:
    name = start
    while name:
        yield name
        name = farthest[name][1]


def _reach(start: Iterable[str], next_of: Callable[[str], Iterable[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(start)
    while ahead:
        for name in next_of(ahead.pop()):
            if name not in found:
                found.add(name)
                ahead.append(name)
    return found


def _bits(number: int) -> Iterator[int]:
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest
