"""Sending with bounded concurrency per channel, so that a slow provider starves nobody but itself."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.dispatch import Due
from healthmgr.errors import HealthmgrError
from workers.publishing import Publisher

log = structlog.get_logger(__name__)

RENEW_EVERY = timedelta(seconds=10)
# A notification that finds its lane this full stays a row: the sweep reminds of it later.
LONGEST_LINE = 1000
_STOP = UUID(int=0)


class Sending(Protocol):
    """What goes through lanes: notifications by their channels, or events by their webhooks."""

    def concurrency(self, lane: str, /) -> int:
        """How many threads a lane has."""
        ...

    def send(self, work_id: UUID, now: Callable[[], datetime], hold: Callable[[Any], None], /) -> list[Due]:
        """Send one, if it is due; `hold` is told what was claimed for it."""
        ...

    def renew(self, claims: Sequence[Any], now: datetime, /) -> None:
        """Prolong the leases of what is being sent."""
        ...


class Lane:
    """The threads of one channel, and the line before them: pages first, then in order of arrival."""

    def __init__(self, lanes: Lanes, name: str, size: int) -> None:
        self._lanes = lanes
        self._line: queue.PriorityQueue[tuple[int, int, UUID]] = queue.PriorityQueue(LONGEST_LINE)
        self._arrivals = itertools.count()
        self._waiting: set[UUID] = set()
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, name=f"{name}-{i}", daemon=True) for i in range(size)]
        for thread in self.threads:
            thread.start()

    def submit(self, notification_id: UUID, rank: int) -> None:
        """Stand in line, unless this notification does already."""
        with self._lock:
            if notification_id in self._waiting or self._line.full():
                return
            self._waiting.add(notification_id)
            self._line.put_nowait((rank, next(self._arrivals), notification_id))

    def stop(self) -> None:
        """Have every thread end after what it is sending; what waits in line stays a row."""
        with self._lock:
            while not self._line.empty():
                self._line.get_nowait()
            for _ in self.threads:
                self._line.put_nowait((-1, next(self._arrivals), _STOP))

    def _run(self) -> None:
        while True:
            _, _, notification_id = self._line.get()
            if notification_id == _STOP:
                return
            with self._lock:
                self._waiting.discard(notification_id)
            self._lanes.send(notification_id)


class Lanes:
    """The lanes of all channels in this process, and the renewal of what is being sent."""

    def __init__(self, healthmgr: Healthmgr, publisher: Publisher, sending: Sending | None = None) -> None:
        self._healthmgr = healthmgr
        self._publisher = publisher
        self._sending: Sending = sending or healthmgr.notifying
        self._lanes: dict[str, Lane] = {}
        self._in_flight: dict[UUID, Any] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._renew, name="lease-renewal", daemon=True).start()

    def submit(self, notification_id: UUID, channel: str, rank: int) -> None:
        """Send this notification when its turn comes on its channel."""
        with self._lock:
            lane = self._lanes.get(channel)
            if lane is None:
                lane = self._lanes[channel] = Lane(self, channel, self._sending.concurrency(channel))
        lane.submit(notification_id, rank)

    def send(self, notification_id: UUID) -> None:
        """Send one notification now, on the calling thread; failures are logged and found again by the sweep."""

        def hold(claimed: Any) -> None:
            with self._lock:
                self._in_flight[notification_id] = claimed

        try:
            dues = self._sending.send(notification_id, self._healthmgr.now, hold)
            self._publisher.remind(dues, self._healthmgr.now())
        except HealthmgrError as error:
            log.warning("notification_left_to_the_sweep", notification=str(notification_id), error=str(error))
        except Exception:
            log.exception("notification_failed", notification=str(notification_id))
        finally:
            with self._lock:
                self._in_flight.pop(notification_id, None)

    def close(self, within: timedelta) -> None:
        """Let what is being sent end, for as long as `within`."""
        self._closed.set()
        until = time.monotonic() + within.total_seconds()
        for lane in self._lanes.values():
            lane.stop()
        for lane in self._lanes.values():
            for thread in lane.threads:
                thread.join(max(0.0, until - time.monotonic()))

    def _renew(self) -> None:
        while not self._closed.wait(RENEW_EVERY.total_seconds()):
            with self._lock:
                claims = list(self._in_flight.values())
            if not claims:
                continue
            try:
                self._sending.renew(claims, self._healthmgr.now())
            except HealthmgrError as error:
                log.warning("leases_not_renewed", error=str(error))
