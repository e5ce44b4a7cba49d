"""Lanes: bounded per channel, problems first, and a slow provider holds up nobody but itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.faults.outside import eventually
from workers import lanes as lanes_module
from workers.lanes import Lanes

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Sending:
    """Stands in for the service that sends: it notes who is sent, and waits at its gates."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.gates: dict[UUID, threading.Event] = {}
        self.begun: list[UUID] = []
        self.at_once = self.most_at_once = 0
        self.renewed: list[Any] = []
        self._lock = threading.Lock()

    def concurrency(self, channel: str) -> int:
        return self.sizes.get(channel, 1)

    def send(self, notification_id: UUID, now: Callable[[], datetime], hold: Callable[[Any], None]) -> list[Any]:
        hold(SimpleNamespace(id=notification_id))
        with self._lock:
            self.begun.append(notification_id)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        gate = self.gates.get(notification_id)
        if gate is not None:
            assert gate.wait(10)
        with self._lock:
            self.at_once -= 1
        return []

    def renew(self, claims: Sequence[Any], now: datetime) -> None:
        self.renewed += [claim.id for claim in claims]

    def blocked(self) -> UUID:
        notification_id = uuid4()
        self.gates[notification_id] = threading.Event()
        return notification_id


@pytest.fixture
def sending() -> Sending:
    return Sending()


@pytest.fixture
def lanes(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lanes]:
    monkeypatch.setattr(lanes_module, "RENEW_EVERY", timedelta(milliseconds=20))
    publisher = SimpleNamespace(remind=lambda dues, now: None)
    built = Lanes(SimpleNamespace(notifying=sending, now=lambda: NOW), publisher)  # type: ignore[arg-type]
    yield built
    for gate in sending.gates.values():
        gate.set()
    built.close(timedelta(seconds=5))


def test_no_more_than_the_channels_number_are_sent_at_once(lanes: Lanes, sending: Sending) -> None:
    sending.sizes["mail"] = 3
    ids = [sending.blocked() for _ in range(10)]
    for notification_id in ids:
        lanes.submit(notification_id, "mail", 0)
    eventually(lambda: len(sending.begun) == 3, 5, "three are begun")
    for gate in sending.gates.values():
        gate.set()
    eventually(lambda: len(sending.begun) == 10, 5, "the others follow")
    assert sending.most_at_once == 3


def test_problems_go_before_updates_that_came_earlier(lanes: Lanes, sending: Sending) -> None:
    first, updates, pages = sending.blocked(), [uuid4(), uuid4()], [uuid4(), uuid4()]
    lanes.submit(first, "mail", 1)
    eventually(lambda: sending.begun == [first], 5, "the lane is taken")
    for notification_id, rank in [(u, 1) for u in updates] + [(p, 0) for p in pages]:
        lanes.submit(notification_id, "mail", rank)
    sending.gates[first].set()
    eventually(lambda: len(sending.begun) == 5, 5, "all are sent")
    assert sending.begun[1:] == pages + updates


def test_a_provider_that_hangs_holds_up_no_other_channel(lanes: Lanes, sending: Sending) -> None:
    lanes.submit(sending.blocked(), "slow", 0)
    swift = [uuid4() for _ in range(5)]
    for notification_id in swift:
        lanes.submit(notification_id, "swift", 1)
    eventually(lambda: set(swift) <= set(sending.begun), 5, "the other channel goes on")


def test_what_stands_in_line_already_is_not_put_there_twice(lanes: Lanes, sending: Sending) -> None:
    first, second = sending.blocked(), uuid4()
    lanes.submit(first, "mail", 0)
    eventually(lambda: sending.begun == [first], 5, "the lane is taken")
    for _ in range(3):
        lanes.submit(second, "mail", 0)
    sending.gates[first].set()
    eventually(lambda: second in sending.begun, 5, "the second is sent")
    lanes.close(timedelta(seconds=5))
    assert sending.begun == [first, second]


def test_the_lease_of_what_is_being_sent_is_renewed_while_it_lasts(lanes: Lanes, sending: Sending) -> None:
    slow = sending.blocked()
    lanes.submit(slow, "mail", 0)
    eventually(lambda: sending.renewed.count(slow) >= 2, 5, "its lease is renewed")
    sending.gates[slow].set()
    eventually(lambda: sending.at_once == 0, 5, "it is sent")


def test_closing_waits_for_what_is_under_way_and_leaves_the_line_to_the_sweep(lanes: Lanes, sending: Sending) -> None:
    slow, waiting = sending.blocked(), uuid4()
    lanes.submit(slow, "mail", 0)
    eventually(lambda: sending.begun == [slow], 5, "the lane is taken")
    lanes.submit(waiting, "mail", 0)
    threading.Timer(0.2, sending.gates[slow].set).start()
    lanes.close(timedelta(seconds=5))
    assert (sending.at_once, sending.begun) == (0, [slow])
