"""What watching metrics for anomalies needs of whoever keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from healthmgr.domain.anomaly_watch import Happening, Look, Measurement, SeenPoint, Span, Watched
from healthmgr.services.admitting import AdmittingTransaction


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a watched metric that is to be read."""

    watched: Watched
    begin: datetime
    end: datetime


class SensingTransaction(AdmittingTransaction, Protocol):
    """One transaction about watched metrics and the alerts of them; commits when its context ends well."""

    def arrange(self, now: datetime) -> list[Mapping[str, str]]:
        """Have a row for each metric that is defined and none for others; the identities of what was told of those."""
        ...

    def claim(self, now: datetime, until: datetime, limit: int) -> list[Watched]:
        """Take what is due, until then: nobody else takes the same look."""
        ...

    def settled_until(self, now: datetime) -> datetime | None:
        """Up to when all that was measured is there to be read; None while nothing is."""
        ...

    def measured(self, parts: Sequence[Part]) -> list[list[Measurement]]:
        """The means of each part by its rule's steps, oldest first; a step without any is left out."""
        ...

    def bad(self, parts: Sequence[Part]) -> Mapping[UUID, Sequence[Span]]:
        """When the checks of these were bad for sure, within the time of the parts."""
        ...

    def save(self, look: Look, due_at: datetime, now: datetime) -> bool:
        """Keep what a look came to; False, and nothing is kept, when another look has begun."""
        ...

    def told(self, watched: Watched, alert_id: UUID, evidence: Mapping[str, float]) -> None:
        """Keep what the alert of the present happening rests on."""
        ...

    def ended(self, watched: Watched, now: datetime) -> None:
        """The present happening is over."""
        ...

    def marked(self) -> tuple[Watched, Happening] | None:
        """A happening that a person said was none and the detector has not learned; both are held until the commit."""
        ...

    def teach(self, watched: Watched, alert_id: UUID, now: datetime) -> None:
        """Keep what the detector knows now. A look that has begun with what it knew before is void."""
        ...

    def find(self, slug: str) -> list[Watched]:
        """All metrics of one check that are watched; raises NotFound where there is no such check."""
        ...

    def all(self) -> list[Watched]:
        """All that is watched, by check and metric, without the state of its detectors."""
        ...

    def points(self, watched: Watched, begin: datetime, end: datetime) -> list[SeenPoint]:
        """What was thought of its points, oldest first; those of the last days are kept."""
        ...

    def happenings(self, watched: Watched, limit: int) -> list[Happening]:
        """What was told of it, the latest first."""
        ...


class SensingStore(Protocol):
    """Where watched metrics are."""

    def begin(self) -> AbstractContextManager[SensingTransaction]:
        """Open a transaction."""
        ...
