"""Looking ahead at metrics: what will pass its limit becomes an alert, and ends when the trend turns or it comes true.

In upkeep, over rows that are due; evaluation knows nothing of it. The alert is admitted before the look is kept: a
look that is lost on the way is repeated, and says the same again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.domain.forecast import DAY, Forecast, Measured, Seen, foresee
from healthmgr.domain.forecast_telling import Foreseen, Told, advance
from healthmgr.domain.forecast_words import ORIGIN, alert, promise, summary
from healthmgr.domain.incoming import Admission
from healthmgr.services.admitting import Admitting
from healthmgr.services.predicting_ports import Look, Measurements, PredictingStore

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 200  # looks of one turn: about a third of a second of reckoning


class Predicting:
    """Carries metrics forward to their limits. Raises Unavailable while the database is away."""

    def __init__(
        self, store: PredictingStore, measurements: Measurements, admitting: Admitting, *, is_on: bool
    ) -> None:
        self._store = store
        self._measurements = measurements
        self._admitting = admitting
        self._is_on = is_on

    def look_ahead(self, now: datetime) -> Sequence[Due]:
        """Look at all metrics whose turn it is; the reminders to send. Nothing where looking ahead is switched off."""
        if not self._is_on:
            return []
        with self._store.begin() as transaction:
            gone = transaction.arrange(now)
            claimed = transaction.claim(now, MOST_AT_ONCE)
        dues = [due for each in gone for due in self._admitting.resolve(ORIGIN, each, now, Admission.TURNED)]
        looks = [self._look(each, now) for each in claimed]
        for look in looks:
            dues += self._tell(look, now)
        with self._store.begin() as transaction:
            for look in looks:
                transaction.save(look, now)
        return dues

    def of_check(self, slug: str, now: datetime) -> list[tuple[Foreseen, Forecast, Measured]]:
        """What is to be expected of a check's metrics at this moment, and what that rests on. Raises NotFound."""
        with self._store.begin() as transaction:
            found = transaction.find(slug)
        return [(each, *self._foresee(each, now)) for each in found]

    def _foresee(self, foreseen: Foreseen, now: datetime) -> tuple[Forecast, Measured]:
        rule = foreseen.rule
        points = self._read(foreseen, now - rule.window, now, now)
        forecast = foresee(points, rule, now)
        if forecast.seen is Seen.WILL_CROSS:
            forecast = foresee(points, rule, now, self._read(foreseen, now - DAY - rule.window, now - DAY, now))
        return forecast, points

    def _read(self, foreseen: Foreseen, begin: datetime, end: datetime, now: datetime) -> Measured:
        step = max(timedelta(minutes=1), foreseen.rule.every)
        return self._measurements.read(foreseen.check_id, foreseen.rule.metric, begin, end, step, now)

    def _look(self, foreseen: Foreseen, now: datetime) -> Look:
        forecast, _ = self._foresee(foreseen, now)
        memory, told = advance(foreseen.memory, forecast, foreseen.rule, is_breached=foreseen.is_breached)
        if told in (Told.TELL, Told.RENEW):
            words = promise(forecast, foreseen.rule)
        else:
            keeps = memory.is_told or told is Told.TAKEN_OVER or foreseen.is_breached
            words = foreseen.words if keeps else summary(forecast, foreseen.rule)
        return Look(foreseen, forecast, memory, told, words)

    def _tell(self, look: Look, now: datetime) -> list[Due]:
        foreseen = look.foreseen
        if look.told in (Told.TELL, Told.WITHDRAW, Told.TAKEN_OVER):
            log.info("forecast", check=foreseen.slug, metric=foreseen.rule.metric, told=look.told, words=look.words)
        match look.told:
            case Told.TELL | Told.RENEW:
                said = alert(foreseen.name, foreseen.labels, foreseen.identity, look.forecast, foreseen.rule)
                return self._admitting.admit([said], ORIGIN, now)
            case Told.WITHDRAW:
                return self._admitting.resolve(ORIGIN, foreseen.identity, now, Admission.TURNED)
            case Told.TAKEN_OVER:
                return self._admitting.resolve(ORIGIN, foreseen.identity, now, Admission.TAKEN_OVER)
            case Told.WAIT | Told.DOUBT | Told.UNKNOWN | Told.NOTHING:
                return []
