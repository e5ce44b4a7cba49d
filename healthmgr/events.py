"""What happened, for programs outside: read from a Redis stream, resumable by id, in any process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import redis
import structlog

from healthmgr.domain.event import NAMES
from healthmgr.errors import DefinitionError, Problem, Unavailable

log = structlog.get_logger(__name__)

STREAM = "healthmgr:events"
METRICS = "health_manager_metrics"
BEGINNING = "0-0"

_BATCH = 100
_LOOK_FOR = timedelta(seconds=1)
_PAUSE_WHEN_AWAY = 1.0  # seconds

Callback = Callable[["Facts"], object]


class Facts(dict[str, Any]):
    """An event's facts, by key or as attributes: `alert["title"]` and `alert.title` are the same."""

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            raise AttributeError(f"this event says nothing of {name!r}: it knows {', '.join(self)}") from None
        return Facts(value) if isinstance(value, Mapping) else value


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `id` is its place in the stream: pass it back to read on behind it."""

    id: str
    name: str
    at: datetime
    facts: Facts


class EventReader:
    """Reads the stream. Raises Unavailable while Redis does not answer."""

    def __init__(self, redis_url: str) -> None:
        self._client = redis.Redis.from_url(redis_url, decode_responses=True, socket_connect_timeout=4)

    def last_id(self) -> str:
        """The id of the newest event; reading on behind it gives what happens from now on."""
        try:
            newest: Any = self._client.xrevrange(STREAM, count=1)
        except redis.RedisError as error:
            raise _away(error) from error
        return str(newest[0][0]) if newest else BEGINNING

    def read(self, after: str, wait: timedelta) -> list[Event]:
        """The events behind this id, at most a hundred; waits for one when there is none yet."""
        milliseconds = max(1, int(wait.total_seconds() * 1000))
        try:
            answer: Any = self._client.xread({STREAM: after}, count=_BATCH, block=milliseconds)
        except redis.ResponseError as error:
            raise DefinitionError([Problem(f"{after!r} is no event's id: {error}", path="after")]) from error
        except redis.RedisError as error:
            raise _away(error) from error
        return [_to_event(event_id, fields) for _, entries in answer or () for event_id, fields in entries]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def follow(reader: EventReader, after: str, idle_for: timedelta | None = None) -> Iterator[Event]:
    """Every event behind this id, then what comes; ends once nothing came for `idle_for`, if that is given."""
    while True:
        events = reader.read(after, idle_for or _LOOK_FOR)
        if not events and idle_for is not None:
            return
        for event in events:
            after = event.id
            yield event


class Listener:
    """Calls callbacks for events, in order, on a thread of its own, from the moment that it was started.

    What a callback raises is logged, and disturbs neither the others nor the events that follow.
    """

    def __init__(self, redis_url: str, after: str | None = None) -> None:
        self._reader = EventReader(redis_url)
        self._callbacks: dict[str, list[Callback]] = {}
        self._after = self._reader.last_id() if after is None else after
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="healthmgr-events", daemon=True)

    def add(self, name: str, callback: Callback) -> None:
        """Call this for every event of that name."""
        self._callbacks.setdefault(name, []).append(callback)
        if not self._thread.is_alive() and not self._is_closing.is_set():
            self._thread.start()

    def remove(self, name: str, callback: Callback) -> None:
        """Call it no more."""
        self._callbacks.get(name, []).remove(callback)

    def close(self) -> None:
        """Stop; a callback that runs is waited for, for a few seconds."""
        self._is_closing.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5.0)
        self._reader.close()

    def _run(self) -> None:
        while not self._is_closing.is_set():
            try:
                events = self._reader.read(self._after, _LOOK_FOR)
            except Unavailable as error:
                log.warning("events_not_readable", error=str(error))
                self._is_closing.wait(_PAUSE_WHEN_AWAY)
                continue
            for event in events:
                self._after = event.id
                self._call(event)

    def _call(self, event: Event) -> None:
        for callback in tuple(self._callbacks.get(event.name, ())):
            try:
                callback(event.facts)
            except Exception:
                log.exception("event_callback_failed", event_name=event.name, event_id=event.id)


def check_name(name: str) -> str:
    """The event's name, also as the first edition spelt it ("alertTriggered"). Raises DefinitionError."""
    plain = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    if plain not in NAMES:
        raise DefinitionError([Problem(f"{name!r} is no event: use one of {', '.join(NAMES)}", path="event")])
    return plain


def _to_event(event_id: str, fields: Mapping[str, str]) -> Event:
    facts = Facts(json.loads(fields["data"]))
    return Event(event_id, fields["name"], datetime.fromisoformat(fields["at"]), facts)


def _away(error: redis.RedisError) -> Unavailable:
    return Unavailable(f"Redis does not answer: {type(error).__name__}")
