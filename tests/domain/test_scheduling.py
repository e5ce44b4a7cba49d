"""How claimed probes are put into messages: one each while few are due, several each when hundreds are."""

from __future__ import annotations

from datetime import timedelta

import pytest

from healthmgr.domain.result import Cause, ProbeOrder
from healthmgr.services.scheduling import to_messages
from tests.domain.making import NOW, uid


def orders(count: int) -> list[ProbeOrder]:
    return [ProbeOrder(uid(i), f"check-{i}", "tcp", {}, timedelta(seconds=1), 1, NOW, Cause.SLOT) for i in range(count)]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, []),
        (1, [1]),
        (100, [1] * 100),
        (101, [20] * 5 + [1]),
        (400, [20] * 20),
        (2000, [20] * 100),
    ],
)
def test_many_orders_share_messages_and_few_do_not(count, sizes):
    assert [len(message) for message in to_messages(orders(count))] == sizes


@pytest.mark.parametrize("count", [7, 100, 101, 999])
def test_every_order_is_in_one_message_and_in_its_turn(count):
    assert [order for message in to_messages(orders(count)) for order in message] == orders(count)
