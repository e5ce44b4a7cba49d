"""Watching metrics for what is unlike their past: judged step by step, told once a happening, taken back by itself.

In upkeep, over rows that are due; evaluation knows nothing of it. What a look has learned, how far it has come and
what becomes of the alert are one commit: a look that is lost on the way is repeated from where the last one ended, so
that no point is counted twice and none is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from healthmgr.domain.anomaly_points import KEPT_FOR
from healthmgr.domain.anomaly_telling import KEEPS_FOR, ORIGIN, Told, anomaly_alert, identity
from healthmgr.domain.anomaly_watch import (
    LOOKS_BACK,
    MOST_POINTS,
    Happening,
    Look,
    Seen,
    SeenPoint,
    Watched,
    kept,
    look_at,
    restored,
)
from healthmgr.domain.dispatch import Due
from healthmgr.domain.incoming import Admission
from healthmgr.domain.rollup import SETTLED_AFTER, floor
from healthmgr.errors import NotFound
from healthmgr.services.admitting import Admitting, AdmittingTransaction
from healthmgr.services.sensing_ports import Part, SensingStore, SensingTransaction

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)
AT_ONCE = 50  # looks that are read together
MOST_BATCHES = 40  # of one turn: the next one goes on
MOST_MARKS = 100
ROLLED_BY = timedelta(seconds=30)  # after a step has settled, it is rolled up
MOST_HAPPENINGS = 20


class Sensing:
    """Watches metrics. Raises Unavailable while the database is away."""

    def __init__(self, store: SensingStore, *, is_on: bool) -> None:
        self._store = store
        self._is_on = is_on

    def look(self, now: datetime) -> Sequence[Due]:
        """Look at all metrics whose turn it is; the reminders to send. Nothing where watching is switched off."""
        if not self._is_on:
            return []
        dues = [*self._arrange(now), *self._learn_marks(now)]
        for _ in range(MOST_BATCHES):
            with self._store.begin() as transaction:
                claimed = transaction.claim(now, now + LEASE, AT_ONCE)
                settled = transaction.settled_until(now) if claimed else None
            if not claimed:
                break
            dues += self._look_at(claimed, settled, now)
        return dues

    def watched(self) -> list[Watched]:
        """All that is watched, as it is known now."""
        with self._store.begin() as transaction:
            return transaction.all()

    def of_check(
        self, slug: str, now: datetime, metric: str = "", begin: datetime | None = None, end: datetime | None = None
    ) -> list[Seen]:
        """The watched metrics of a check, or one of them, with their points of a time. Raises NotFound."""
        with self._store.begin() as transaction:
            found = transaction.find(slug)
            chosen = [each for each in found if metric in ("", each.rule.metric)]
            if metric and not chosen:
                known = ", ".join(each.rule.metric for each in found) or "none"
                raise NotFound(f"{metric!r} of {slug} is not watched for anomalies; those that are: {known}")
            since, until = begin or now - KEPT_FOR, end or now
            return [
                Seen(each, transaction.points(each, since, until), transaction.happenings(each, MOST_HAPPENINGS))
                for each in chosen
            ]

    def points_of(self, slug: str, metric: str, begin: datetime, end: datetime) -> list[SeenPoint]:
        """What was thought of a metric's points; nothing where it is not watched. Raises NotFound."""
        with self._store.begin() as transaction:
            found = [each for each in transaction.find(slug) if each.rule.metric == metric]
            return transaction.points(found[0], begin, end) if found else []

    def _arrange(self, now: datetime) -> list[Due]:
        with self._store.begin() as transaction:
            gone = transaction.arrange(now)
            admitting = _admitting_within(transaction)
            return [due for each in gone for due in admitting.resolve(ORIGIN, each, now, Admission.UNWATCHED)]

    def _learn_marks(self, now: datetime) -> list[Due]:
        """Teach detectors what people said was none, each word once."""
        dues: list[Due] = []
        for _ in range(MOST_MARKS):
            with self._store.begin() as transaction:
                found = transaction.marked()
                if found is None:
                    break
                dues += _teach(transaction, *found, now)
        return dues

    def _look_at(self, claimed: Sequence[Watched], settled: datetime | None, now: datetime) -> list[Due]:
        parts = [_part(each, settled or now - LOOKS_BACK) for each in claimed]
        with self._store.begin() as transaction:
            measured, bad = transaction.measured(parts), transaction.bad(parts)
        looks = []
        for part, points in zip(parts, measured, strict=True):
            is_present = settled is not None and part.end >= floor(settled, part.watched.rule.step)
            spans = bad.get(part.watched.check_id, ())
            try:
                looks.append(look_at(part.watched, points, spans, part.end, is_present=is_present))
            except ValueError as error:
                log.warning("anomaly_state_begun_anew", check=part.watched.slug, metric=part.watched.rule.metric,
                            reason=str(error))  # fmt: skip
                looks.append(look_at(replace(part.watched, state=None), points, spans, part.end, is_present=is_present))
        dues: list[Due] = []
        with self._store.begin() as transaction:
            for look in looks:
                if look.is_quiet:
                    transaction.save(look, _due(look, settled, now), now)
        for look in looks:
            if not look.is_quiet:
                with self._store.begin() as transaction:
                    dues += _tell(transaction, look, _due(look, settled, now), now)
        return dues


def _part(watched: Watched, settled: datetime) -> Part:
    """What of it was not looked at: as much as one look may take."""
    step = watched.rule.step
    begin = watched.seen_until or floor(settled - LOOKS_BACK, step)
    return Part(watched, begin, max(begin, min(floor(settled, step), begin + MOST_POINTS * step)))


def _due(look: Look, settled: datetime | None, now: datetime) -> datetime:
    """When there is more to look at: at once where this look did not take all."""
    until, step = look.watched.seen_until, look.watched.rule.step
    if settled is None or until is None:
        return now + ROLLED_BY
    return now if until + step <= settled else max(until + step + SETTLED_AFTER, now) + ROLLED_BY


def _tell(transaction: SensingTransaction, look: Look, due_at: datetime, now: datetime) -> list[Due]:
    """Keep a look and carry out what it does to the alert, in one commit."""
    if not transaction.save(look, due_at, now):
        return []
    watched, rule = look.watched, look.watched.rule
    if look.told is not Told.RENEW:
        log.info("anomaly", check=watched.slug, metric=rule.metric, told=look.told.value, words=watched.words)
    admitting = _admitting_within(transaction)
    marks = identity(watched.slug, rule.metric)
    if not look.told.is_open or watched.told_since is None:
        transaction.ended(watched, now)
        return admitting.resolve(ORIGIN, marks, now, Admission.USUAL)
    lasts_until = now + max(KEEPS_FOR, 3 * rule.step)
    said = anomaly_alert(watched.name, watched.labels, watched.slug, rule.metric, watched.words, watched.told_since,
                         rule.severity, lasts_until)  # fmt: skip
    dues = admitting.admit([said], ORIGIN, now)
    alert_id = admitting.open_alert(ORIGIN, marks)
    if alert_id is not None:  # None: a person closed it a short while ago, and that holds
        transaction.told(watched, alert_id, look.evidence)
    return dues


def _teach(transaction: SensingTransaction, watched: Watched, happening: Happening, now: datetime) -> list[Due]:
    try:
        watch = restored(watched)
    except ValueError as error:
        log.warning("anomaly_state_begun_anew", check=watched.slug, metric=watched.rule.metric, reason=str(error))
        watch = restored(replace(watched, state=None))
    watch.forgive(happening.evidence)
    is_present = watched.told_since is not None and happening.ended_at is None
    if is_present:
        watch.mark_false()
        transaction.ended(watched, now)
        watched = replace(watched, told_since=None, words="", told=Told.WITHDRAW.value)
    transaction.teach(replace(watched, state=kept(watch)), happening.alert_id, now)
    log.info("anomaly_marked_false", check=watched.slug, metric=watched.rule.metric, alert=str(happening.alert_id))
    if not is_present:
        return []
    marks = identity(watched.slug, watched.rule.metric)
    return _admitting_within(transaction).resolve(ORIGIN, marks, now, Admission.MARKED_FALSE)


class _Within:
    """A transaction that is open already, for a service that would open its own."""

    def __init__(self, transaction: AdmittingTransaction) -> None:
        self._transaction = transaction

    @contextmanager
    def begin(self) -> Iterator[AdmittingTransaction]:
        """The open one: whoever opened it commits."""
        yield self._transaction


def _admitting_within(transaction: AdmittingTransaction) -> Admitting:
    return Admitting(_Within(transaction))
