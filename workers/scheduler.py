"""Beat: `celery -A workers.app beat -S workers.scheduler:RowScheduler`, as many of them as one likes."""

from __future__ import annotations

import os
import socket
from typing import Any

import structlog
from celery.beat import Scheduler

from beat_schedule import SCHEDULE
from healthmgr.errors import HealthmgrError
from workers.alarms import Alarms
from workers.beating import Beating
from workers.emergency import Emergency

log = structlog.get_logger(__name__)

AFTER_A_FAILURE = 1.0


class RowScheduler(Scheduler):
    """A Celery beat scheduler over rows: each turn claims what is due and publishes it.

    No turn ever raises, for an exception would end beat, and with it everything that guards the rest.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._beating: Beating | None = None
        self._emergency: Emergency | None = None
        self._alarms: Alarms | None = None
        super().__init__(*args, **options)

    def setup_schedule(self) -> None:
        """There are no entries: checks and periodic tasks are rows."""
        process = self.app.process
        name = os.environ.get("HEALTHMGR_BEAT_NAME") or f"beat@{socket.gethostname()}:{os.getpid()}"
        self._beating = Beating(process.healthmgr, process.publisher, SCHEDULE, name, depths=process.queue_depths)
        self._emergency = Emergency(process.healthmgr.settings.emergency_url)
        self._alarms = Alarms(process.healthmgr.upkeep, self._emergency, process.healthmgr.now)

    def tick(self, *args: Any, **options: Any) -> float:  # noqa: ARG002 - Celery's signature
        """One turn; the seconds until the next."""
        assert self._beating is not None  # noqa: S101 - set up before the first tick
        assert self._emergency is not None  # noqa: S101
        assert self._alarms is not None  # noqa: S101
        try:
            pause = self._beating.turn()
            self._alarms.look()
        except HealthmgrError as error:
            log.error("beat_turn_failed", error=str(error))
            self._emergency.failed(str(error))
            return AFTER_A_FAILURE
        except Exception as error:
            log.exception("beat_turn_failed")
            self._emergency.failed(f"{type(error).__name__}: {error}")
            return AFTER_A_FAILURE
        self._emergency.succeeded()
        return pause

    def close(self) -> None:
        """Close the connections."""
        self.app.process.close()

    @property
    def info(self) -> str:
        """What beat's banner says."""
        return "    . rows -> check_schedules, periodic_tasks"
