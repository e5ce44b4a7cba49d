"""Taking to the emergency channel what the auditor found and nobody mended, and that the auditor itself is silent."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from healthmgr.services.upkeep import Upkeep
from workers.emergency import Emergency

# Seconds; after a start, the first look of the auditor is awaited: the last one may be days old.
LOOKS_EVERY = 5.0
BEGINS_AFTER = 120.0


class Alarms:
    """What every beat does beside its turns. One of them all tells; raises Unavailable while the database is away."""

    def __init__(
        self,
        upkeep: Upkeep,
        emergency: Emergency,
        now: Callable[[], datetime],
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upkeep = upkeep
        self._emergency = emergency
        self._now = now
        self._tick = tick
        # The first look is `BEGINS_AFTER` from now.
        self._looked_at = tick() + BEGINS_AFTER - LOOKS_EVERY

    def look(self) -> None:
        """Tell what there is to tell, every few seconds; nothing where no address is set up."""
        if not self._emergency.is_set_up or self._tick() - self._looked_at < LOOKS_EVERY:
            return
        self._looked_at = self._tick()
        alarm = self._upkeep.alarm(self._now())
        if alarm is None:
            return
        was_told = self._emergency.alarm_over() if alarm.is_over else self._emergency.alarm(alarm.text)
        if not was_told:
            self._upkeep.alarm_not_told(alarm)
