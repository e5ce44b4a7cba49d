"""The shapes in which announcements are read by ourselves."""

from __future__ import annotations

from datetime import datetime

from healthmgr.domain.announcement import Announcement, Impact, Kind, State
from healthmgr.views import View


class UpdateView(View):
    """One thing that was said; `author` is not published."""

    at: datetime
    state: State
    message: str
    author: str


class AnnouncementView(View):
    """News for everybody; `state` is how far it has come by now, `updates` the oldest first. No `groups`: the whole."""

    number: int
    kind: Kind
    title: str
    impact: Impact
    groups: list[str]
    state: State
    is_over: bool
    starts_at: datetime
    ends_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    created_by: str
    updates: list[UpdateView]

    @classmethod
    def of(cls, one: Announcement, now: datetime) -> AnnouncementView:
        """As it is at this instant."""
        return cls(
            number=one.number,
            kind=one.kind,
            title=one.title,
            impact=one.impact,
            groups=list(one.groups),
            state=one.state_at(now),
            is_over=one.is_over(now),
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            closed_at=one.closed_at,
            created_at=one.created_at,
            created_by=one.created_by,
            updates=[UpdateView(at=u.at, state=u.state, message=u.message, author=u.author) for u in one.updates],
        )
