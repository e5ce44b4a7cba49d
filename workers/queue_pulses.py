"""Which queues a beat sends a pulse through: often while it comes out again, ever more rarely while it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

# A queue that nobody consumes must not fill up with pulses: each that stays unanswered doubles the wait.
FIRST_PATIENCE = timedelta(seconds=20)
LONGEST_PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Sent:
    at: datetime
    patience: timedelta


class QueuePulses:
    """Remembers, for one beat, which pulses are still on their way."""

    def __init__(self) -> None:
        self._sent: dict[str, _Sent] = {}

    def due(self, consumed_at: Mapping[str, datetime], now: datetime) -> list[str]:
        """The queues to send a pulse through now; `consumed_at` is when something last came out of each."""
        due = []
        for queue, consumed in consumed_at.items():
            sent = self._sent.get(queue)
            if sent is None or consumed > sent.at:
                patience = FIRST_PATIENCE
            elif now - sent.at >= sent.patience:
                patience = min(sent.patience * 2, LONGEST_PATIENCE)
            else:
                continue
            self._sent[queue] = _Sent(now, patience)
            due.append(queue)
        return due
