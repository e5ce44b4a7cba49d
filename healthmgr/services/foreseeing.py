"""Looking ahead at who will be on call: what is wrong becomes an alert, and ends when it is mended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.domain.foresight import AHEAD, ORIGIN, concerns, over
from healthmgr.services.admitting import Admitting
from healthmgr.services.rostering_ports import ForeseeingStore

log = structlog.get_logger(__name__)


class Foreseeing:
    """Finds gaps, empty shifts, double bookings and unreadable calendars before anybody is missed.

    Raises Unavailable while the database is away.
    """

    def __init__(self, store: ForeseeingStore, admitting: Admitting) -> None:
        self._store = store
        self._admitting = admitting

    def look_ahead(self, now: datetime) -> Sequence[Due]:
        """Open, renew and end the alerts about the coming two weeks; the reminders to send once this has returned."""
        with self._store.begin() as transaction:
            found = concerns(transaction.schedules(now, now + AHEAD), transaction.feeds(), now)
            still_open = transaction.open_labels(ORIGIN)
        wrong = [dict(alert.labels) for alert in found]
        mended = [over(labels, now) for labels in still_open if labels not in wrong]
        if found or mended:
            log.info("on_call_looked_ahead", concerns=len(found), mended=len(mended))
        return self._admitting.admit([*found, *mended], ORIGIN, now) if found or mended else []
