"""What looking ahead at metrics needs of whoever keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from healthmgr.domain.forecast import Forecast, Measured
from healthmgr.domain.forecast_telling import Foreseen, Memory, Told


@dataclass(frozen=True, slots=True)
class Look:
    """What one look came to."""

    foreseen: Foreseen
    forecast: Forecast
    memory: Memory
    told: Told
    words: str


class PredictingTransaction(Protocol):
    """One transaction about forecasts; commits when its context ends well."""

    def arrange(self, now: datetime) -> list[Mapping[str, str]]:
        """Have a row for each metric that is defined and none for others; the identities of what was told of those."""
        ...

    def claim(self, now: datetime, limit: int) -> list[Foreseen]:
        """Take what is due, and what was told and is breached now; nobody else takes the same look."""
        ...

    def find(self, slug: str) -> list[Foreseen]:
        """All metrics of one check that are carried forward; raises NotFound where there is no such check."""
        ...

    def save(self, look: Look, now: datetime) -> bool:
        """Keep what a look came to; False when a later look has begun."""
        ...


class PredictingStore(Protocol):
    """Where forecasts are."""

    def begin(self) -> AbstractContextManager[PredictingTransaction]:
        """Open a transaction."""
        ...


class Measurements(Protocol):
    """What was measured: without what was measured in planned work, for that tells nothing of the usual."""

    def read(
        self, check_id: UUID, metric: str, begin: datetime, end: datetime, step: timedelta, now: datetime
    ) -> Measured:
        """Means over steps of this length, oldest first."""
        ...
