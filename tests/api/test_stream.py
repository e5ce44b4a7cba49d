"""Events over HTTP: as they happen, behind what a reader knows, and for as long as it may listen."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import text

from healthmgr.api import stream_answer, stream_feed
from healthmgr.api.stream_feed import EventFeed
from healthmgr.services.eventing import KEPT_FOR
from tests.api.conftest import Whole
from tests.faults.outside import eventually
from tests.serving import ServedApp

URL = "/api/v1/events/stream"


@pytest.fixture(autouse=True)
def feed(whole: Whole, served: ServedApp, monkeypatch: pytest.MonkeyPatch) -> EventFeed:
    monkeypatch.setattr(stream_feed, "LOOK_EVERY", 0.02)
    served.app.state.event_feed = EventFeed(lambda: whole.healthmgr.event_reading, most=3, kept=10)
    publish(whole)
    feed: EventFeed = served.app.state.event_feed
    return feed


class Listener:
    """Reads a stream event by event."""

    def __init__(self, answer: requests.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines(chunk_size=None, decode_unicode=True)

    def block(self) -> dict[str, str]:
        """The next fields up to an empty line; comments by the name ""."""
        found: dict[str, str] = {}
        for line in self._lines:
            if not line:
                return found
            name, _, value = line.partition(": ")
            found[name] = value
        return found

    def next(self) -> tuple[str, dict[str, Any]]:
        """The next event's name and data; signs of life and the like are passed over."""
        while block := self.block():
            if "event" in block:
                return block["event"], json.loads(block["data"])
        raise EOFError


@contextmanager
def listening(
    whole: Whole, role: str = "viewer", headers: dict[str, str] | None = None, **params: Any
) -> Iterator[Listener]:
    with whole.client(role) as client, closing(client.get(URL, params=params, headers=headers, stream=True)) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        listener = Listener(answer)
        assert "retry" in listener.block()
        yield listener


def publish(whole: Whole) -> None:
    whole.healthmgr.eventing.publish(whole.healthmgr.now())


def note(whole: Whole, *names: str, **data: Any) -> None:
    with whole.engine.begin() as connection:
        for name in names:
            values = {"name": name, "data": json.dumps(data)}
            connection.execute(text("INSERT INTO events (at, name, data) VALUES (now(), :name, :data)"), values)
    publish(whole)


def last(whole: Whole) -> int:
    return whole.healthmgr.event_reading.span().last


def test_what_happens_is_told_at_once_with_its_labels(whole: Whole) -> None:
    with listening(whole) as stream:
        whole.healthmgr.responding.acknowledge(whole.alert_id, actor="alice", origin="test", now=whole.now)
        publish(whole)
        name, said = stream.next()
        assert stream.next()[1]["id"] == said["id"] + 1 == last(whole)  # the incident is, too
    assert (name, said["type"]) == ("alert_acknowledged", "alert_acknowledged")
    assert said["labels"] == {"check": "shop", "service": "web", "severity": "critical"}
    assert said["data"]["acknowledged_by"] == "alice"


def test_a_reader_that_comes_back_misses_nothing_and_hears_nothing_twice(whole: Whole) -> None:
    before = last(whole)
    note(whole, *(f"n{i}" for i in range(25)))
    with listening(whole, headers={"Last-Event-ID": str(before + 5)}) as stream:
        assert [stream.next()[0] for _ in range(20)] == [f"n{i}" for i in range(5, 25)]
        note(whole, "live")
        assert stream.next()[0] == "live"
    with listening(whole, after=last(whole) - 1) as stream:
        assert stream.next()[0] == "live"


def test_only_what_is_wanted_is_told_and_a_sign_of_life_says_how_far_that_is(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_answer, "HEARTBEAT", 0.2)
    with listening(whole, type=["incident_opened"], matcher=["service=~we.*", "severity!=low"]) as stream:
        note(whole, "alert_triggered", service="web")
        note(whole, "incident_opened", service="web", severity="low")
        note(whole, "incident_opened", labels={"service": "web"}, number=1)
        assert stream.next()[1]["data"]["number"] == 1
        note(whole, "incident_opened", service="other")
        place = last(whole)
        block = stream.block()
        while block.get("id") != str(place):
            assert "event" not in block
            block = stream.block()
    assert "" in block
    for bad in ({"type": "nonsense"}, {"matcher": "service=~("}, {"after": "x"}, {"after": "-1"}):
        answer = whole.client("viewer").get(URL, params=bad)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), bad


def test_what_is_no_longer_kept_is_told_of_by_a_reset(whole: Whole) -> None:
    note(whole, "old", "older")
    whole.healthmgr.eventing.publish(whole.healthmgr.now() + KEPT_FOR + timedelta(minutes=1))
    place = last(whole)
    note(whole, "new")
    with listening(whole, after=1) as stream:
        name, said = stream.next()
        assert (name, said["goes_on_behind"]) == ("reset", place)
        assert stream.next()[0] == "new"
    with listening(whole, after=10**6) as stream:  # of another database
        assert stream.next()[0] == "reset"
    page = whole.client("viewer").get("/api/v1/events", params={"after": 1}).json()
    assert (page["is_reset"], [each["type"] for each in page["items"]]) == (True, ["new"])


def test_a_page_goes_on_where_the_one_before_ended(whole: Whole) -> None:
    note(whole, *(f"n{i}" for i in range(5)), service="web")
    client, seen, after = whole.client("viewer"), [], last(whole) - 5
    for _ in range(3):
        page = client.get("/api/v1/events", params={"after": after, "limit": 2, "matcher": "service=web"}).json()
        seen += [each["type"] for each in page["items"]]
        after = page["next_after"]
    assert seen == [f"n{i}" for i in range(5)]
    assert (page["has_more"], page["is_reset"], after) == (False, False, last(whole))


def test_the_token_is_asked_for_again_and_the_time_is_kept(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_answer, "HEARTBEAT", 0.1)
    with listening(whole) as stream:
        whole.healthmgr.tokens.revoke("viewer-token", now=whole.now)
        assert stream.next()[1]["reason"] == "token_not_valid"
        with pytest.raises(EOFError):
            stream.next()
    with listening(whole, lasts_for=0.05) as stream:
        assert stream.next()[1]["reason"] == "time_is_over"


def test_one_stream_too_many_is_told_to_come_later_and_one_that_left_makes_room(whole: Whole, feed: EventFeed) -> None:
    with listening(whole), listening(whole), listening(whole):
        answer = whole.client("viewer").get(URL)
        assert (answer.status_code, answer.json()["status"]) == (503, 503)
        assert answer.headers["retry-after"]
    eventually(lambda: feed.streams == 0, 5, "all have left")
    with listening(whole) as stream:
        note(whole, "again")
        assert stream.next()[0] == "again"


def test_a_slow_reader_is_dropped_and_holds_up_nobody(
    whole: Whole, served: ServedApp, feed: EventFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One takes nothing at all and is cut off; meanwhile another hears of everything."""
    monkeypatch.setattr(stream_answer, "SEND_WITHIN", 1.0)
    token = whole.healthmgr.tokens.ensure("slow", "viewer", None, whole.now)
    with socket.socket() as slow, listening(whole) as quick:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(served.address)
        slow.sendall(f"GET {URL} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        eventually(lambda: feed.streams == 2, 5, "both listen")
        for turn in range(60):
            note(whole, f"n{turn}", words="x" * 200_000)
            assert quick.next()[0] == f"n{turn}"
        eventually(lambda: feed.streams == 1, 10, "the slow one is gone")
        note(whole, "after it")
        assert quick.next()[0] == "after it"


def test_who_falls_behind_what_is_kept_is_told_so(whole: Whole, feed: EventFeed) -> None:
    """The end carries the id to come back with."""
    with listening(whole) as stream:
        note(whole, "first")
        assert stream.next()[0] == "first"
        place = last(whole)
        note(whole, *(f"n{i}" for i in range(400)))
        name = ""
        while name != "end":
            name, said = stream.next()
            place = said.get("id", place)
    assert said["reason"] == "too_slow"
    with listening(whole, after=place) as stream:
        assert stream.next()[1]["id"] == place + 1


def test_one_reader_asks_for_all_and_for_nobody_it_does_not_ask(whole: Whole, served: ServedApp) -> None:
    counting = Counting(whole.healthmgr.event_reading)
    served.app.state.event_feed = feed = EventFeed(lambda: counting)
    with listening(whole), listening(whole), listening(whole) as stream:
        note(whole, "told")
        stream.next()
        counting.asked, began = 0, time.monotonic()
        eventually(lambda: counting.asked > 5, 5, "it looks")
        assert counting.asked <= (time.monotonic() - began) / 0.02 + 2
    eventually(lambda: feed.streams == 0, 5, "all have left")


class Counting:
    """Counts how often events are asked for."""

    def __init__(self, reading: Any) -> None:
        self._reading = reading
        self.asked = 0

    def span(self) -> Any:
        return self._reading.span()

    def after(self, position: int, limit: int) -> Any:
        self.asked += 1
        return self._reading.after(position, limit)
