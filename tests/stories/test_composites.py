"""Checks made of others: told when so many of their members are down for good, and over with them."""

from __future__ import annotations

import asyncio

import pytest

from healthmgr.checks.composite import CompositeCheck, CompositeConfig
from healthmgr.domain.result import Outcome, ProbeOrder
from healthmgr.ports import ProbeContext
from tests.stories.harness import Story, check


@pytest.fixture
def shop(story: Story, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Two of three web servers have to be up; asked for itself the composite is but once in ten minutes."""
    played, kind = Story.find, CompositeCheck()

    def judge(self: Story, order: ProbeOrder) -> Outcome:
        if order.kind != "composite":
            return played(self, order)
        context = ProbeContext(order.slug, order.timeout, self.now, view=order.view)
        return asyncio.run(kind.probe(CompositeConfig.model_validate(order.config), context))

    monkeypatch.setattr(Story, "find", judge)
    webs = ["web-1", "web-2", "web-3"]
    story.given(
        *(check(web, severity="low") for web in webs),
        check("shop", kind="composite", config={"of": webs, "need": 2}, interval="10m", timeout="5s"),
        routing={"critical": {"to": "alice", "via": "mail"}, "default": {"to": "bob", "via": "mail"}},
    )
    story.fast_forward(minutes=15)
    return story


def test_one_member_down_is_no_matter_and_two_are_told_at_once(shop: Story) -> None:
    shop.check_fails("web-1")
    shop.fast_forward(minutes=1)
    told = [alert.check_slug for delivery in shop.deliveries for alert in delivery.message.alerts]
    assert set(told) == {"web-1"}
    shop.check_fails("web-2")
    shop.fast_forward(minutes=1)
    shop.expect_notification("alice", about="shop")
    shop.check_recovers("web-2")
    shop.fast_forward(minutes=1)
    shop.expect_notification("alice", about="shop", kind="resolution")
