"""How many messages one destination is sent by themselves, before the rest are put together into digests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.notification import Hold, Reason

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Recent:
    """What one destination (an address over a channel) was sent lately; a digest counts as one message."""

    in_minute: int = 0
    in_hour: int = 0
    first_in_minute_at: datetime | None = None
    last_at: datetime | None = None


def hold_back(recent: Recent, rules: AlertingRules, now: datetime) -> Hold | None:
    """Until when a further message waits to go into a digest; None when it may go by itself.

    The first one to a destination is never held. Beyond the minute's number the rest go together when the minute
    is over; beyond the hour's, one digest goes every group interval, so that telling never ends.
    """
    if recent.last_at is None:
        return None
    if recent.in_hour >= rules.most_per_hour:
        at = recent.last_at + rules.group_interval
        return Hold(at, Reason.BUNDLED) if at > now else None
    if recent.in_minute >= rules.most_per_minute and recent.first_in_minute_at is not None:
        return Hold(recent.first_in_minute_at + MINUTE, Reason.BUNDLED)
    return None
