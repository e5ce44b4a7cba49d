"""A worker's signs of life: a file for its supervisor and a row for everybody else."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from celery import bootsteps

from healthmgr.errors import HealthmgrError

if TYPE_CHECKING:
    from datetime import datetime

    from workers.process import Process

log = structlog.get_logger(__name__)

TOUCH_EVERY = 2.0
TELL_EVERY = 10.0
# The consumer's loop has stopped turning when its last turn is older than this (seconds).
STILL_TURNING = 3 * TOUCH_EVERY


class LivenessStep(bootsteps.StartStopStep):
    """Beats on the consumer's own timer: what stops the loop stops the pulse."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._file = os.environ.get("HEALTHMGR_PULSE_FILE")
        self._timer: Any = None
        self._telling: threading.Event | None = None
        self._turned_at = 0.0

    def start(self, consumer: Any) -> None:
        """Begin when the consumer has its connection and its queues."""
        consumer.app.process.hostname = consumer.hostname
        self._turn()
        self._timer = consumer.timer.call_repeatedly(TOUCH_EVERY, self._turn)
        self._telling = threading.Event()
        queues = sorted(consumer.app.amqp.queues.consume_from)
        arguments = (consumer.app.process, consumer.hostname, queues, self._telling)
        threading.Thread(target=self._tell, args=arguments, name="pulse", daemon=True).start()

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - Celery's signature
        """End when the connection is lost or the worker stops."""
        if self._timer is not None:
            self._timer.cancel()
        if self._telling is not None:
            self._telling.set()

    def _turn(self) -> None:
        self._turned_at = time.monotonic()
        if self._file:
            Path(self._file).touch()

    def _tell(self, process: Process, hostname: str, queues: list[str], stopped: threading.Event) -> None:
        """On a thread of its own, for a database that is away must not stop the consumer."""
        since: datetime | None = None
        while True:
            if time.monotonic() - self._turned_at < STILL_TURNING:
                try:
                    now = process.healthmgr.now()
                    since = since or now
                    process.healthmgr.upkeep.pulse("worker", hostname, _detail(process, queues, since), now)
                except HealthmgrError as error:
                    log.warning("pulse_not_told", error=str(error))
                except Exception:
                    log.exception("pulse_failed")
            if stopped.wait(TELL_EVERY):
                return


def _detail(process: Process, queues: list[str], since: datetime) -> dict[str, Any]:
    """What this worker consumes and since when, and which kinds and modules it knows: those of when it started."""
    registry = process.healthmgr.registry
    kinds = {"checks": registry.check_kinds(), "channels": registry.channel_kinds()}
    return {
        "queues": queues,
        "pid": os.getpid(),
        "since": since.isoformat(),
        "kinds": {port: list(names) for port, names in kinds.items()},
        "modules": process.modules,
    }
