"""How results leave: in batches, soon, bad news at once, and again when nobody took them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from healthmgr.domain.check import Status
from healthmgr.domain.result import Result
from healthmgr.services.probing_delivery import Delivery

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def result(status: Status = Status.HEALTHY, check_id: UUID | None = None, sequence: int = 1) -> Result:
    return Result(check_id or uuid4(), sequence, status, "", 0.1, NOW)


class Door:
    """Takes batches, and refuses while it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[Result]] = []
        self.times: list[float] = []
        self.refuses = False
        self.refusals = 0
        self.changed = threading.Condition()

    def __call__(self, batch: Sequence[Result]) -> None:
        with self.changed:
            self.changed.notify_all()
            if self.refuses:
                self.refusals += 1
                raise ConnectionError("broker down")
            self.batches.append(list(batch))
            self.times.append(time.monotonic())

    def wait_for(self, condition: Callable[[], bool], within: float = 5.0) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, within)

    @property
    def sequences(self) -> list[int]:
        return [item.sequence for batch in self.batches for item in batch]


def test_good_results_are_gathered_for_a_while() -> None:
    door = Door()
    delivery = Delivery(door, linger=0.3)
    delivery.start()
    started = time.monotonic()
    for sequence in range(20):
        delivery.put(result(sequence=sequence))
    door.wait_for(lambda: len(door.sequences) == 20)
    assert len(door.batches) == 1
    assert 0.25 < door.times[0] - started < 1.0
    assert delivery.close(1) == 0


def test_a_bad_result_goes_at_once_and_takes_the_others_along() -> None:
    door = Door()
    delivery = Delivery(door, linger=30)
    delivery.start()
    delivery.put(result(sequence=1))
    delivery.put(result(Status.UNKNOWN, sequence=2))
    door.wait_for(lambda: door.sequences == [1, 2], within=1.0)
    delivery.close(1)


def test_a_full_batch_does_not_wait() -> None:
    door = Door()
    delivery = Delivery(door, batch_size=3, linger=30)
    delivery.start()
    for sequence in range(3):
        delivery.put(result(sequence=sequence))
    door.wait_for(lambda: door.sequences == [0, 1, 2], within=1.0)
    delivery.close(1)


def test_what_was_refused_is_offered_again_in_order() -> None:
    door = Door()
    door.refuses = True
    delivery = Delivery(door, linger=0.01)
    delivery.start()
    delivery.put(result(sequence=1))
    door.wait_for(lambda: door.refusals >= 2)
    delivery.put(result(sequence=2))
    door.refuses = False
    door.wait_for(lambda: len(door.sequences) == 2)
    assert door.sequences == [1, 2]
    delivery.close(1)


def test_the_oldest_are_dropped_and_counted_when_too_many_wait() -> None:
    door = Door()
    door.refuses = True
    delivery = Delivery(door, batch_size=4, linger=0.01, capacity=10)
    delivery.start()
    for sequence in range(25):
        delivery.put(result(sequence=sequence))
    door.wait_for(lambda: door.refusals >= 1)
    door.refuses = False
    door.wait_for(lambda: len(door.sequences) == 10)
    assert door.sequences == list(range(15, 25))
    assert delivery.dropped == 15
    delivery.close(1)


def test_closing_hands_over_what_waits() -> None:
    door = Door()
    delivery = Delivery(door, linger=30)
    delivery.start()
    delivery.put(result())
    assert delivery.close(2) == 0
    assert len(door.sequences) == 1


def test_closing_gives_up_when_nobody_takes_the_results() -> None:
    door = Door()
    door.refuses = True
    delivery = Delivery(door, linger=0.01)
    delivery.start()
    delivery.put(result())
    started = time.monotonic()
    assert delivery.close(0.5) == 1
    assert time.monotonic() - started < 1.5
