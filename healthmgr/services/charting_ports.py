"""What the graph of dependencies needs of whoever keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

from healthmgr.domain.cascade import Graph
from healthmgr.domain.chart import Hearers
from healthmgr.domain.cofailure import Failure, Span, Suggested, Suggestion


class ChartingTransaction(Protocol):
    """One transaction over the graph; commits when its context ends well."""

    def graph(self) -> Graph:
        """All checks that are enabled and what they hang on."""
        ...

    def hearers(self, slugs: Iterable[str]) -> Hearers:
        """Who would be told if these failed."""
        ...

    def failures(self, since: datetime, now: datetime) -> list[Failure]:
        """When checks became unhealthy, by what they were found to be and not by what could not be told."""
        ...

    def blind(self, since: datetime, now: datetime, longest: timedelta) -> list[Span]:
        """When no result of any check came for longer than that: the monitor was away."""
        ...

    def planned(self, since: datetime, now: datetime) -> Mapping[str, Sequence[Span]]:
        """When checks were in maintenance, by slug."""
        ...

    def suggestions(self, *, all_states: bool) -> list[Suggested]:
        """What was learned, the surest first: what nobody has said anything of, or all of it."""
        ...

    def suggestion(self, child: str, parent: str) -> Suggested | None:
        """One of them, its row held until the commit."""
        ...

    def keep(self, suggestions: Sequence[Suggestion], now: datetime) -> int:
        """Keep what was learned; what nobody said anything of and is not learned any more goes. How many are new."""
        ...

    def decide(self, suggested: Suggested) -> None:
        """Keep what a person said; an accepted one is part of the graph from then on, any other is not."""
        ...

    def lock(self) -> None:
        """Nobody else changes the graph until the commit."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class ChartingStore(Protocol):
    """Where the graph is."""

    def begin(self) -> AbstractContextManager[ChartingTransaction]:
        """Open a transaction."""
        ...
