"""Steps of runbooks on threads of their own: one that takes long keeps no other run from going on."""

from __future__ import annotations

import queue
import threading
import time
from datetime import timedelta
from uuid import UUID

import structlog

from healthmgr.bootstrap import Healthmgr
from healthmgr.errors import HealthmgrError
from healthmgr.services.recovering_ports import ClaimedStep
from healthmgr.services.recovering_turns import RENEW_EVERY
from workers.publishing import Publisher

log = structlog.get_logger(__name__)

THREADS = 8
# A run that finds so many before it stays a row: the sweep reminds of it later.
LONGEST_LINE = 1000


class Repairs:
    """The threads that carry runs on, and the renewal of the leases of what is under way."""

    def __init__(self, healthmgr: Healthmgr, publisher: Publisher) -> None:
        self._healthmgr = healthmgr
        self._publisher = publisher
        self._line: queue.Queue[tuple[UUID, int] | None] = queue.Queue(LONGEST_LINE)
        self._waiting: set[tuple[UUID, int]] = set()
        self._in_flight: dict[UUID, ClaimedStep] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"repair-{i}", daemon=True) for i in range(THREADS)]
        for thread in self._threads:
            thread.start()
        threading.Thread(target=self._renew, name="step-leases", daemon=True).start()

    def submit(self, run_id: UUID, token: int) -> None:
        """Carry this run on when its turn comes, unless it stands in line already."""
        with self._lock:
            if self._closed.is_set() or (run_id, token) in self._waiting or self._line.full():
                return
            self._waiting.add((run_id, token))
            self._line.put_nowait((run_id, token))

    def advance(self, run_id: UUID, token: int) -> None:
        """Do what is due for a run, on the calling thread; what fails is logged and found again by the sweep."""

        def hold(claimed: ClaimedStep) -> None:
            with self._lock:
                self._in_flight[claimed.step_id] = claimed
            held.append(claimed.step_id)

        held: list[UUID] = []
        try:
            dues = self._healthmgr.recovery.recovering.advance(run_id, token, self._healthmgr.now, hold)
            self._publisher.remind(dues, self._healthmgr.now())
        except HealthmgrError as error:
            log.warning("run_left_to_the_sweep", run=str(run_id), error=str(error))
        except Exception:
            log.exception("run_failed", run=str(run_id))
        finally:
            with self._lock:
                for step_id in held:
                    self._in_flight.pop(step_id, None)

    def close(self, within: timedelta) -> None:
        """Let what is under way end, for as long as `within`; the lease of what takes longer runs out."""
        until = time.monotonic() + within.total_seconds()
        with self._lock:
            self._closed.set()
            while not self._line.empty():
                self._line.get_nowait()
            for _ in self._threads:
                self._line.put_nowait(None)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while True:
            due = self._line.get()
            if due is None:
                return
            with self._lock:
                self._waiting.discard(due)
            self.advance(*due)

    def _renew(self) -> None:
        """Leases are renewed while the process closes, too: a step that still runs is not given up."""
        pause = threading.Event()
        while any(thread.is_alive() for thread in self._threads):
            pause.wait(RENEW_EVERY.total_seconds())
            with self._lock:
                claims = list(self._in_flight.values())
            if not claims:
                continue
            try:
                self._healthmgr.recovery.recovering.renew(claims, self._healthmgr.now())
            except HealthmgrError as error:
                log.warning("step_leases_not_renewed", error=str(error))
