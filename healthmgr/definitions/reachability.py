"""Routes that no alert can ever come to: found by comparing matchers, without any alert at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from healthmgr.domain.matcher import Matcher, Operator
from healthmgr.domain.routing_tree import Route


def find_contradiction(matchers: Sequence[Matcher]) -> tuple[Matcher, Matcher] | None:
    """Two of the matchers that no labels meet both: one wants a value that the other refuses."""
    for exact in (matcher for matcher in matchers if matcher.operator is Operator.EQUAL):
        for other in matchers:
            if other.name == exact.name and not other.matches({exact.name: exact.value}):
                return exact, other
    return None


def find_swallowed(siblings: Sequence[Route]) -> Iterator[tuple[int, int]]:
    """Routes that are never tried, as (position, position of the one before it that takes everything they match).

    An earlier one that does not continue takes whatever meets its matchers; whoever meets the later one's does so
    when each of them is among the later one's, or is met by a value that the later one wants.
    """
    takers: list[tuple[int, Route]] = []
    for position, route in enumerate(siblings):
        wanted = set(route.matchers)
        values = {m.name: m.value for m in route.matchers if m.operator is Operator.EQUAL}
        taker = next((place for place, other in takers if _is_met(other.matchers, wanted, values)), None)
        if taker is not None:
            yield position, taker
        elif not route.continues:
            takers.append((position, route))


def _is_met(demands: Sequence[Matcher], wanted: set[Matcher], values: Mapping[str, str]) -> bool:
    return all(m in wanted or (m.name in values and m.matches({m.name: values[m.name]})) for m in demands)
