"""What one step of a runbook came to: something done in the world, or something for healthmgr itself to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

MOST_OUTPUT = 16_384  # characters of a step's output that are kept


@dataclass(frozen=True, slots=True)
class Done:
    """The step did its work. `message` is one line for people, `output` what the target said, `facts` named values."""

    message: str
    output: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell people: over these channels (none: those of the incident), these recipients (none: those told of it)."""

    message: str
    channels: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """Go on with the next step after this long."""

    length: timedelta


@dataclass(frozen=True, slots=True)
class Verify:
    """Probe a check now (none: the one that the run is for) and again until it was healthy `times` in a row."""

    check: str = ""
    times: int = 1
    every: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask people to approve what follows: `needed` of those who may, within `expires_after`; silence is a no."""

    question: str
    needed: int = 1
    approvers: tuple[str, ...] = ()
    expires_after: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Balance:
    """Have an instance of a service "drained" or "enabled", as balancers that ask us see it."""

    service: str
    instance: str
    wanted: Literal["enabled", "drained"]


StepOutcome = Done | Tell | Pause | Verify | Ask | Balance
