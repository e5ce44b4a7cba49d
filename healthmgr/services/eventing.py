"""Telling programs outside what happened: from rows to a stream that can be read on from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

log = structlog.get_logger(__name__)

BATCH = 500
_MOST_BATCHES = 20  # in one turn; the next one goes on
KEPT_FOR = timedelta(days=1)
METRICS_LAPSE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class PlacedEvent:
    """One thing that happened. `position` is its place in the stream, counted up from 1."""

    position: int
    at: datetime
    name: str
    data: Mapping[str, Any]


class EventStore(Protocol):
    """Where events are noted."""

    def place(self, limit: int) -> int:
        """Give new events their places in the stream; how many."""
        ...

    def after(self, position: int, limit: int) -> Sequence[PlacedEvent]:
        """The events behind this place, in order."""
        ...

    def last_position(self) -> int:
        """The last place that was given."""
        ...

    def forget(self, before: datetime, up_to: int) -> int:
        """Remove events that are older, up to this place; how many."""
        ...


class EventStream(Protocol):
    """The stream that others read. Every method raises Unavailable while it is away."""

    def last_position(self) -> int:
        """The place of its last event; 0 when there is none."""
        ...

    def append(self, events: Sequence[PlacedEvent]) -> None:
        """Add events in order; one that is there already is left out."""
        ...

    def clear(self) -> None:
        """Begin anew."""
        ...

    def put_metrics(self, metrics: Mapping[str, Any], lapse_after: timedelta) -> None:
        """Keep numbers for other programs' dashboards; they lapse when they are not renewed."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class Eventing:
    """Copies events from rows to the stream.

    The stream itself says where to go on, so nothing is lost while it is away, and what a flush took is told
    again under the same ids, as far back as events are kept.
    """

    def __init__(self, store: EventStore, stream: EventStream | None) -> None:
        self._store = store
        self._stream = stream

    def publish(self, now: datetime) -> int:
        """Bring the stream up to date; how many events were added. Raises Unavailable."""
        while self._store.place(BATCH) == BATCH:
            pass
        position, count = self._store.last_position(), 0
        if self._stream is not None:
            position, count = self._copy(self._stream, self._start(self._stream))
        self._store.forget(now - KEPT_FOR, position)
        return count

    def put_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Keep the numbers that dashboards of others read. Raises Unavailable."""
        if self._stream is not None:
            self._stream.put_metrics(metrics, METRICS_LAPSE_AFTER)

    def close(self) -> None:
        """Close the stream's connections."""
        if self._stream is not None:
            self._stream.close()

    def _start(self, stream: EventStream) -> int:
        position = stream.last_position()
        if position > self._store.last_position():
            log.warning("event_stream_begun_anew", reason="it was written from another database")
            stream.clear()
            return 0
        return position

    def _copy(self, stream: EventStream, position: int) -> tuple[int, int]:
        count = 0
        for _ in range(_MOST_BATCHES):
            events = self._store.after(position, BATCH)
            if events:
                stream.append(events)
                position = events[-1].position
                count += len(events)
            if len(events) < BATCH:
                break
        return position, count
