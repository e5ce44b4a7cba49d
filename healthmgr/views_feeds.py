"""The shape in which calendars that schedules are read from are read."""

from __future__ import annotations

from datetime import datetime

from healthmgr.domain.feed import Feed
from healthmgr.views import View


class FeedView(View):
    """A calendar that the schedule is read from; `fault` is what is wrong with it since `failing_since`."""

    kind: str
    read_at: datetime | None
    tried_at: datetime | None
    failing_since: datetime | None
    fault: str
    unknown: list[str]

    @classmethod
    def of(cls, feed: Feed) -> FeedView:
        """As it is shown."""
        return cls(
            kind=feed.kind.value,
            read_at=feed.read_at,
            tried_at=feed.tried_at,
            failing_since=feed.failing_since,
            fault=feed.fault,
            unknown=list(feed.unknown),
        )
