"""Work that waits for its time: what is due, and how a lost message about it is found again.

Every such piece of work is a row with `due_at` and a token that moves with each change of it. A message is
only a reminder: it carries the token, and whoever receives it reads the row again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# A countdown message is sent only for what is due within this horizon, far below the broker's visibility
# timeout; what is due later is armed by the sweep when it comes near.
HORIZON = timedelta(minutes=5)

_FIRST_PATIENCE = timedelta(seconds=10)
_MAX_DOUBLINGS = 5


class Work(StrEnum):
    """The kinds of delayed work."""

    DISPATCH = "dispatch"
    NOTIFICATION = "notification"
    ESCALATION = "escalation"


@dataclass(frozen=True, slots=True)
class Due:
    """A reminder to be sent: which row, which token, when, and through which lane (a channel's name)."""

    work: Work
    key: str
    token: int
    due_at: datetime
    lane: str = ""


def patience(arm_count: int) -> timedelta:
    """How long after its due time a reminded row waits before it is reminded of again: 10 s, doubled up to 320 s."""
    return _FIRST_PATIENCE * (1 << min(arm_count, _MAX_DOUBLINGS))
