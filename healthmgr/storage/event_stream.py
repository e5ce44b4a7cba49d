"""The stream of events and the numbers for other dashboards, in Redis (6.2 commands alone)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import redis

from healthmgr.errors import Unavailable
from healthmgr.events import METRICS, STREAM
from healthmgr.services.eventing import PlacedEvent

VERSION = "1"
MOST_KEPT = 10_000


class RedisEventStream:
    """Satisfies `services.eventing.EventStream`. The id of an entry is its event's position."""

    def __init__(self, redis_url: str) -> None:
        self._client = redis.Redis.from_url(redis_url, socket_connect_timeout=4, socket_timeout=10)

    def last_position(self) -> int:
        """The place of the last event; 0 when there is none."""
        with _speaking():
            newest: Any = self._client.xrevrange(STREAM, count=1)
        return int(newest[0][0].split(b"-")[0]) if newest else 0

    def append(self, events: Sequence[PlacedEvent]) -> None:
        """Add events in order; Redis itself refuses one that another process added at the same moment."""
        with _speaking():
            pipeline = self._client.pipeline(transaction=False)
            for event in events:
                fields: Any = {
                    "version": VERSION,
                    "name": event.name,
                    "at": event.at.isoformat(),
                    "data": json.dumps(dict(event.data)),
                }
                pipeline.xadd(STREAM, fields, id=f"{event.position}-0", maxlen=MOST_KEPT, approximate=True)
            for answer in pipeline.execute(raise_on_error=False):
                if isinstance(answer, Exception) and "equal or smaller" not in str(answer):
                    raise answer

    def clear(self) -> None:
        """Begin anew."""
        with _speaking():
            self._client.delete(STREAM)

    def put_metrics(self, metrics: Mapping[str, Any], lapse_after: timedelta) -> None:
        """Keep numbers as one JSON document."""
        with _speaking():
            self._client.set(METRICS, json.dumps(dict(metrics)), ex=lapse_after)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@contextmanager
def _speaking() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise Unavailable(f"Redis does not answer: {type(error).__name__}") from error
