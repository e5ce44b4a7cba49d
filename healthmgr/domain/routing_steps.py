"""The walk through the routing tree told step by step: why a route was taken, and why those before it were not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from healthmgr.domain.matcher import Matcher
from healthmgr.domain.routing_tree import Route


class Verdict(StrEnum):
    """What became of a route: it ends the way down, leads further, does not fit, or was not tried any more."""

    TAKEN = "taken"
    ENTERED = "entered"
    UNFIT = "unfit"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class Step:
    """One route of the walk. `unmet` are the matchers that do not fit; `taken_by` the sibling that ended the search."""

    path: tuple[str, ...]
    route: Route
    verdict: Verdict
    unmet: tuple[Matcher, ...] = ()
    taken_by: str = ""

    def reason(self, labels: Mapping[str, str]) -> str:
        """Why it was so, in words."""
        if self.verdict is Verdict.UNTRIED:
            return f"{self.taken_by} took it and does not continue"
        if self.verdict is Verdict.UNFIT:
            found = {matcher.name: labels.get(matcher.name, "") for matcher in self.unmet}
            values = ", ".join(
                f"{name} is {value!r}" if value else f"{name} is not set" for name, value in found.items()
            )
            return f"{_listed(self.unmet)} {'does' if len(self.unmet) == 1 else 'do'} not fit: {values}"
        if len(self.path) == 1:
            return "no other route fits" if self.verdict is Verdict.TAKEN else "the root fits every alert"
        if not self.route.matchers:
            return "it fits every alert"
        return f"{_listed(self.route.matchers)} {'fits' if len(self.route.matchers) == 1 else 'fit'}"


def steps(root: Route, labels: Mapping[str, str]) -> Iterator[Step]:
    """Every route that was looked at, and its siblings that were not, in their order; those taken are `walk`'s."""
    return _steps(root, (), labels)


def _steps(route: Route, above: tuple[str, ...], labels: Mapping[str, str]) -> Iterator[Step]:
    path = (*above, route.name)
    unmet = {child.name: tuple(m for m in child.matchers if not m.matches(labels)) for child in route.routes}
    is_end = all(unmet.values())
    yield Step(path, route, Verdict.TAKEN if is_end else Verdict.ENTERED)
    taken_by = ""
    for child in route.routes:
        if taken_by:
            yield Step((*path, child.name), child, Verdict.UNTRIED, taken_by=taken_by)
        elif unmet[child.name]:
            yield Step((*path, child.name), child, Verdict.UNFIT, unmet[child.name])
        else:
            yield from _steps(child, path, labels)
            taken_by = "" if child.continues else child.name


def _listed(matchers: tuple[Matcher, ...]) -> str:
    return ", ".join(str(matcher) for matcher in matchers)
