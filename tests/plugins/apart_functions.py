"""What a test has called in a process of its own."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta

from pydantic import BaseModel

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError

WORDS = {"dies": "ended unexpectedly", "raises": "ZeroDivisionError", "could not tell": "nobody knows"}


class Ending(BaseModel):
    """How it is to end."""

    ending: str


def look(config: Ending, timeout: timedelta, now: datetime) -> Outcome:
    """Ends as it is told to."""
    if config.ending == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.ending == "could not tell":
        raise ProbeError("nobody knows")
    return Outcome(Status.HEALTHY, str(1 // 0))
