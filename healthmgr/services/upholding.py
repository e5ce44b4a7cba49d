"""Upholding service levels: how each stands, and an alert while its error budget is used up too fast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.domain.slo import BURN_WINDOWS, ORIGIN, Slo, Standing, Tally, concern, judge, over
from healthmgr.errors import NotFound
from healthmgr.services.admitting import Admitting

log = structlog.get_logger(__name__)


class UpholdingTransaction(Protocol):
    """One transaction about service levels; commits when its context ends well."""

    def slos(self) -> Sequence[Slo]:
        """All that are defined, by name."""
        ...

    def tallies(self, slos: Iterable[Slo], window: timedelta, now: datetime) -> Mapping[str, Tally]:
        """Good and bad over the time before now, by the names of service levels."""
        ...

    def keep(self, standings: Iterable[Standing], now: datetime) -> None:
        """Write how they stand."""
        ...

    def open_names(self, origin: str) -> set[str]:
        """The service levels with an open alert of this origin."""
        ...


class UpholdingStore(Protocol):
    """Where service levels, rollups and alerts are."""

    def begin(self) -> AbstractContextManager[UpholdingTransaction]:
        """Open a transaction."""
        ...


class Upholding:
    """Judges service levels. All raise Unavailable while the database is away."""

    def __init__(self, store: UpholdingStore, admitting: Admitting) -> None:
        self._store = store
        self._admitting = admitting

    def standings(self, now: datetime) -> list[Standing]:
        """How all of them stand, by name."""
        with self._store.begin() as transaction:
            return _judged(transaction, transaction.slos(), now)

    def standing(self, name: str, now: datetime) -> Standing:
        """How one stands. Raises NotFound."""
        with self._store.begin() as transaction:
            found = [slo for slo in transaction.slos() if slo.name == name]
            if not found:
                raise NotFound(f"There is no service level {name!r}: `healthmgr slo list` shows those that exist")
            return _judged(transaction, found, now)[0]

    def uphold(self, now: datetime) -> Sequence[Due]:
        """Judge all, and open, renew and end the alerts about them; the reminders to send once this has returned."""
        with self._store.begin() as transaction:
            standings = _judged(transaction, transaction.slos(), now)
            transaction.keep(standings, now)
            still_open = transaction.open_names(ORIGIN)
        found = {one.slo.name: alert for one in standings if (alert := concern(one, now)) is not None}
        ended = [over(name, now) for name in sorted(still_open - set(found))]
        if found or ended:
            log.info("service_levels_judged", burning=sorted(found), mended=len(ended))
        return self._admitting.admit([*found.values(), *ended], ORIGIN, now) if found or ended else []


def _judged(transaction: UpholdingTransaction, slos: Sequence[Slo], now: datetime) -> list[Standing]:
    short = {window: transaction.tallies(slos, window, now) for window in BURN_WINDOWS}
    whole: dict[str, Tally] = {}
    for window in {slo.window for slo in slos}:
        whole |= transaction.tallies([slo for slo in slos if slo.window == window], window, now)
    return [
        judge(slo, whole.get(slo.name, Tally()), {w: found.get(slo.name, Tally()) for w, found in short.items()})
        for slo in slos
    ]
