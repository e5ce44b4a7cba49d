"""Work that waits for its time: what is due, and how a lost message about it is found again.

Every such piece of work is a row with `due_at` and a token that moves with each change of it. A message is
only a reminder: it carries the token, and whoever receives it reads the row again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from healthmgr.domain.message import MessageKind

# A countdown message is sent only for what is due within this horizon, far below the broker's visibility
# timeout; what is due later is armed by the sweep when it comes near.
HORIZON = timedelta(minutes=5)

# Two processes carry the database's clock forward by their own; a reminder may come early by their difference.
EARLY_BY = timedelta(milliseconds=500)

_FIRST_PATIENCE = timedelta(seconds=10)
_MAX_DOUBLINGS = 5


class Work(StrEnum):
    """The kinds of delayed work."""

    DISPATCH = "dispatch"
    NOTIFICATION = "notification"
    ESCALATION = "escalation"
    CALL = "call"  # a check's failing, which runbooks may answer
    RUN = "run"  # of a runbook
    WEBHOOK = "webhook"  # an event for a webhook


@dataclass(frozen=True, slots=True)
class Due:
    """A reminder to be sent: which row, which token, and when.

    A notification goes through the `lane` of its channel, where those of smaller `rank` go first; an event through that
    of its webhook.
    """

    work: Work
    key: str
    token: int
    due_at: datetime
    lane: str = ""
    rank: int = 0


def patience(arm_count: int) -> timedelta:
    """How long after its due time a reminded row waits before it is reminded of again: 10 s, doubled up to 320 s."""
    return _FIRST_PATIENCE * (1 << min(arm_count, _MAX_DOUBLINGS))


def rank(kind: str) -> int:
    """Pages before updates: 0 for a problem, 1 for anything else."""
    return 0 if kind == MessageKind.PROBLEM else 1
