"""Events, read from their rows: by place, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from healthmgr.domain.event import Wanted, labels_of
from healthmgr.services.eventing import PlacedEvent
from healthmgr.storage.event_repository import read_after, read_last_position
from healthmgr.storage.paging import bounded
from healthmgr.storage.transactions import transaction
from healthmgr.views_events import EventPage, EventView

_BATCH = 500
_MOST_LOOKED_AT = 10_000  # events for one page, however few of them are wanted

_OLDEST = text("SELECT min(position) FROM events WHERE position IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Span:
    """Which events there are: the oldest that is kept (None where none is), and the last place that was given."""

    oldest: int | None
    last: int

    def resume(self, after: int) -> tuple[int, bool]:
        """Where to read on behind that place, and whether something is missing in between."""
        if after > self.last:
            return self.last, True
        oldest = self.last + 1 if self.oldest is None else self.oldest
        return (oldest - 1, True) if after < oldest - 1 else (after, False)


class EventReading:
    """Questions to the events."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def span(self) -> Span:
        """Which events there are."""
        with transaction(self._engine) as connection:
            return read_span(connection)

    def after(self, position: int, limit: int) -> Sequence[PlacedEvent]:
        """The events behind this place, in order."""
        with transaction(self._engine) as connection:
            return read_after(connection, position, limit)

    def page(self, wanted: Wanted, after: int, limit: int) -> EventPage:
        """The wanted events behind this place, oldest first; fewer than `limit` where many others are in between."""
        span = self.span()
        position, is_reset = span.resume(after)
        found: list[EventView] = []
        for _ in range(_MOST_LOOKED_AT // _BATCH):
            events = self.after(position, _BATCH)
            for event in events:
                if len(found) == bounded(limit):
                    return EventPage(items=found, next_after=position, has_more=True, is_reset=is_reset)
                position = event.position
                view = view_of(event)
                if wanted.takes(view.type, view.labels):
                    found.append(view)
            if len(events) < _BATCH:
                return EventPage(items=found, next_after=position, has_more=False, is_reset=is_reset)
        return EventPage(items=found, next_after=position, has_more=True, is_reset=is_reset)


def view_of(event: PlacedEvent) -> EventView:
    """An event as it is shown."""
    data = dict(event.data)
    return EventView(id=event.position, type=event.name, at=event.at, labels=labels_of(data), data=data)


def read_span(connection: Connection) -> Span:
    """Which events there are."""
    return Span(connection.execute(_OLDEST).scalar(), read_last_position(connection))
