"""Putting messages on the broker: composed from ids, published in one pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import KombuError, OperationalError

from healthmgr.domain.dispatch import HORIZON, Due, Work
from healthmgr.domain.result import ProbeOrder, Result
from healthmgr.errors import Unavailable
from healthmgr.services.scheduling import to_messages

log = structlog.get_logger(__name__)

BATCH = 500

_QUEUE = {
    Work.DISPATCH: "notifications",
    Work.NOTIFICATION: "notifications",
    Work.ESCALATION: "escalation",
    Work.CALL: "recovery",
    Work.RUN: "recovery",
    Work.WEBHOOK: "upkeep",  # never before a page
}
_TASK = {
    Work.DISPATCH: "healthmgr.notifications.dispatch",
    Work.NOTIFICATION: "healthmgr.notifications.send",
    Work.ESCALATION: "healthmgr.escalation.advance",
    Work.CALL: "healthmgr.recovery.consider",
    Work.RUN: "healthmgr.recovery.advance",
    Work.WEBHOOK: "healthmgr.webhooks.deliver",
}


class Publisher:
    """Publishes for one process. Every method raises Unavailable when the broker does not take the messages."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def probes(self, orders: Sequence[ProbeOrder], now: datetime) -> None:
        """Order probes: one message each, or several in one when hundreds are due."""
        with self._producer() as producer:
            for message in to_messages(orders):
                self._send(
                    producer,
                    "healthmgr.checks.probe",
                    ([order.to_wire() for order in message],),
                    "checks",
                    shown=", ".join(order.slug for order in message[:3]),
                    at=now,
                )

    def results(self, results: Sequence[Result]) -> None:
        """Hand results to evaluation, as one message."""
        with self._producer() as producer:
            wire = [result.to_wire() for result in results]
            self._send(producer, "healthmgr.evaluation.evaluate", (wire,), "evaluation", shown=f"{len(wire)} results")

    def reminders(self, dues: Iterable[Due], now: datetime) -> None:
        """Remind of delayed work that is due within the horizon; what is due later is left to the sweep."""
        near = [due for due in dues if due.due_at - now <= HORIZON]
        if not near:
            return
        with self._producer() as producer:
            for due in near:
                args: tuple[Any, ...] = (due.key, due.token)
                if due.work in (Work.NOTIFICATION, Work.WEBHOOK):
                    args = (due.key, due.lane, due.rank)
                wait = (due.due_at - now).total_seconds()
                self._send(producer, _TASK[due.work], args, _QUEUE[due.work], countdown=wait if wait > 0 else None)

    def remind(self, dues: Iterable[Due], now: datetime) -> None:
        """As `reminders`, for work that is committed: when the broker is away, the sweep reminds later."""
        try:
            self.reminders(dues, now)
        except Unavailable as error:
            log.warning("reminders_left_to_the_sweep", error=str(error))

    def tasks(self, names_and_queues: Iterable[tuple[str, str]], *, expires: float | None = None) -> None:
        """Send tasks by name; with `expires`, they lapse when nobody takes them within so many seconds."""
        with self._producer() as producer:
            for name, queue in names_and_queues:
                self._send(producer, name, (), queue, expires=expires)

    @contextmanager
    def _producer(self) -> Iterator[Any]:
        try:
            with self._app.producer_pool.acquire(block=True, timeout=10) as producer, producer.batch(max_size=BATCH):
                yield producer
        except (OperationalError, KombuError, OSError, *self._app.connection_for_write().connection_errors) as error:
            raise Unavailable(f"the broker does not take messages: {type(error).__name__}: {error}") from error

    def _send(
        self,
        producer: Any,
        name: str,
        args: tuple[Any, ...],
        queue: str,
        *,
        shown: str = "",
        at: datetime | None = None,
        **options: Any,
    ) -> None:
        headers = {"published_at": at.isoformat()} if at else None
        self._app.send_task(
            name,
            args,
            queue=queue,
            producer=producer,
            ignore_result=True,
            retry=False,
            headers=headers,
            argsrepr=f"({shown})" if shown else None,
            **options,
        )
