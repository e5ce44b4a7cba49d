"""What a driver of `service_restart` is told, and how it waits for the service to be back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from healthmgr.channels.deadline import Deadline
from healthmgr.errors import StepError

_LOOK_AGAIN_AFTER = 0.25  # seconds; none of them tells when a service is up


@dataclass(frozen=True, slots=True)
class Restart:
    """One order: which service, how, and where its keeper listens."""

    service: str
    is_graceful: bool
    waits: bool
    now: datetime
    url: str = field(default="", repr=False)
    namespace: str = "default"
    workload: str = "deployment"
    token: str = field(default="", repr=False)
    ca_file: str = ""


def wait_until(is_so: Callable[[], str], deadline: Deadline, service: str) -> None:
    """Ask until there is nothing left to say against it; raises StepError, a timeout, with the last of it otherwise."""
    while why_not := is_so():
        time.sleep(_LOOK_AGAIN_AFTER)
        if deadline.is_over:
            raise StepError(f"{service} was restarted, but is not back in time: {why_not}", is_timeout=True)
