"""One turn of a beat: claim what is due, publish it, sweep, and show that we are alive."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from beat_schedule import PeriodicTask
from healthmgr.bootstrap import Healthmgr
from healthmgr.errors import Unavailable
from workers.publishing import Publisher
from workers.queue_pulses import QueuePulses

log = structlog.get_logger(__name__)

# Seconds between two turns, and between two of each kind of work within them.
TURN = 0.2
SWEEP_EVERY = 1.0
PULSE_EVERY = 5.0
LIFE_EVERY = 20.0  # so that none of its minutes is without
PULL_BACK_EVERY = 30.0


class Beating:
    """What every beat does, over and over. No beat is the leader: claims decide who does what."""

    def __init__(
        self,
        healthmgr: Healthmgr,
        publisher: Publisher,
        schedule: Sequence[PeriodicTask],
        name: str,
        depths: Callable[[], Mapping[str, int]],
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._healthmgr = healthmgr
        self._publisher = publisher
        self._schedule = schedule
        self._name = name
        self._depths = depths
        self._tick = tick
        self._last: dict[str, float] = {}
        self._queue_pulses = QueuePulses()
        self._has_ensured = False

    def turn(self) -> float:
        """Do what is due; the seconds until the next turn. Raises Unavailable while a part is away."""
        started = self._tick()
        now = self._healthmgr.now()
        if not self._has_ensured:
            self._healthmgr.scheduling.ensure_periodic([(t.name, t.interval) for t in self._schedule], now)
            self._has_ensured = True
        if self._is_time("life", LIFE_EVERY):
            # Before anything that needs the broker: without it alerting is lost, but a beat lives.
            self._healthmgr.upkeep.lives(now)
        self._probes(now)
        if self._is_time("sweep", SWEEP_EVERY):
            self._sweep(now)
        if self._is_time("pulse", PULSE_EVERY):
            self._pulse(now)
        if self._is_time("pull back", PULL_BACK_EVERY):
            self._healthmgr.scheduling.pull_back(now)
        return max(0.0, TURN - (self._tick() - started))

    def _probes(self, now: datetime) -> None:
        orders = self._healthmgr.scheduling.claim_probes(now)
        if not orders:
            return
        try:
            self._publisher.probes(orders, now)
        except Unavailable:
            # Offered again at once, under a new claim: those that were published all the same do no harm.
            self._healthmgr.scheduling.release(orders, now)
            raise

    def _sweep(self, now: datetime) -> None:
        self._publisher.reminders(self._healthmgr.upkeep.sweep(now), now)
        due = set(self._healthmgr.scheduling.claim_periodic([task.name for task in self._schedule], now))
        for task in self._schedule:
            if task.name in due:
                self._publisher.tasks([(task.name, task.queue)], expires=task.interval.total_seconds())
        self._healthmgr.upkeep.pulse("sweep", self._name, {}, now)

    def _pulse(self, now: datetime) -> None:
        self._healthmgr.upkeep.pulse("beat", self._name, {}, now)
        consumed_at = self._healthmgr.upkeep.queue_depths(self._depths(), now)
        due = self._queue_pulses.due(consumed_at, now)
        # A pulse never lapses: the one that waited is what tells that a queue is consumed again.
        self._publisher.tasks([("healthmgr.pulse", queue) for queue in due])

    def _is_time(self, what: str, every: float) -> bool:
        now = self._tick()
        if now - self._last.get(what, float("-inf")) < every:
            return False
        self._last[what] = now
        return True
