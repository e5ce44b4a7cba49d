"""How long telling takes: from the failing probe to a provider's acceptance, and from the decision to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from healthmgr.domain.check import Severity

# What is promised: an urgent problem is told within so long of the probe that found it.
TOLD_WITHIN = timedelta(minutes=2)
URGENT = (Severity.CRITICAL, Severity.HIGH)
SHARES = (0.5, 0.95, 0.99)
WINDOWS = (timedelta(hours=1), timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Half, 95 and 99 percent took at most so many seconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float] | None) -> Percentiles | None:
        """Three values in the order of SHARES, to the millisecond; None of none."""
        return cls(*(round(float(value), 3) for value in values)) if values else None

    def by_share(self) -> tuple[tuple[float, float], ...]:
        """Each share with its seconds."""
        return tuple(zip(SHARES, (self.p50, self.p95, self.p99), strict=True))


@dataclass(frozen=True, slots=True)
class DeliveryTimes:
    """The notifications sent within the last `over` seconds.

    `from_problem` counts from the start of the probe that found it, of urgent ones alone in `urgent_from_problem`;
    `urgent` of them there were, and `late` took longer than two minutes. `from_decision` counts from the moment in
    which it was decided that they are sent. Left out are alerts that waited, as they are meant to, for the group
    interval of an incident that people knew of, for the end of a mute, or for the turn of a later contact.
    """

    over: float
    notifications: int
    urgent: int
    late: int
    from_problem: Percentiles | None
    urgent_from_problem: Percentiles | None
    from_decision: Percentiles | None


@dataclass(frozen=True, slots=True)
class DeliverySeries:
    """The same of one kind of message, severity and kind of channel."""

    over: timedelta
    kind: str
    severity: str
    channel_kind: str
    notifications: int
    from_problem: Percentiles | None
    from_decision: Percentiles | None
