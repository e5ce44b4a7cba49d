"""The shapes in which events are read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from healthmgr.views import View


class EventView(View):
    """One thing that happened. `id` is its place among all: pass it back to read on behind it.

    `data` are the facts of that moment, `labels` what filters are matched against.
    """

    id: int
    type: str
    at: datetime
    labels: dict[str, str]
    data: dict[str, Any]


class EventPage(View):
    """Events, the oldest first: pass `next_after` back as `after` to read on, now or when more has happened.

    `is_reset` says that events behind the `after` that was asked for are no longer kept, or that no event was ever
    there: what they told of has to be asked for anew.
    """

    items: list[EventView]
    next_after: int
    has_more: bool
    is_reset: bool
