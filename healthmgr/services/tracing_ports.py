"""What tracing incidents back to their causes needs of whoever keeps them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from healthmgr.domain.cascade import Graph
from healthmgr.domain.cause import Cause, Changed
from healthmgr.domain.observing import Minutes


@dataclass(frozen=True, slots=True)
class Traced:
    """An incident to be traced back: the checks of its alerts, and how often it was looked at already."""

    incident_id: UUID
    number: int
    opened_at: datetime
    symptoms: frozenset[str]
    looks: int = 0


class TracingTransaction(Protocol):
    """One transaction about causes; commits when its context ends well."""

    def due(self, now: datetime, limit: int) -> list[Traced]:
        """Open incidents of checks that it is time to look at, by how long ago they opened and were looked at."""
        ...

    def graph(self) -> Graph:
        """All checks that are enabled and what they hang on."""
        ...

    def failures(self, begin: datetime, end: datetime) -> Mapping[str, datetime]:
        """When checks first became bad, by slug; without those in maintenance."""
        ...

    def minutes(self, slugs: Collection[str], begin: datetime, end: datetime) -> list[Minutes]:
        """The metrics of these checks by the minute, without what was measured in planned work."""
        ...

    def changes(self, begin: datetime, end: datetime) -> Sequence[Changed]:
        """What was changed on purpose."""
        ...

    def places(self) -> Mapping[str, frozenset[str]]:
        """The labels that several checks share, and those checks."""
        ...

    def save(self, traced: Traced, causes: Sequence[Cause], now: datetime) -> None:
        """Keep what was found, in the place of what was found before."""
        ...


class TracingStore(Protocol):
    """Where causes are."""

    def begin(self) -> AbstractContextManager[TracingTransaction]:
        """Open a transaction."""
        ...
