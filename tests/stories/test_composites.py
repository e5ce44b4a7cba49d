"""Checks made of others: told when so many of their members are down for good, and over with them."""

from __future__ import annotations

import asyncio

import pytest

from healthmgr.checks.composite import CompositeCheck, CompositeConfig
from healthmgr.domain.result import Outcome, ProbeOrder
from healthmgr.ports import ProbeContext
from tests.stories.harness import Story, check


@pytest.fixture
def composing(story: Story, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A story in which composites are judged for real."""
    played, kind = Story.find, CompositeCheck()

    def judge(self: Story, order: ProbeOrder) -> Outcome:
        if order.kind != "composite":
            return played(self, order)
        context = ProbeContext(order.slug, order.timeout, self.now, view=order.view)
        return asyncio.run(kind.probe(CompositeConfig.model_validate(order.config), context))

    monkeypatch.setattr(Story, "find", judge)
    return story


@pytest.fixture
def shop(composing: Story) -> Story:
    """Two of three web servers have to be up; asked for itself the composite is but once in ten minutes."""
    story = composing
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


def test_what_one_location_sees_is_no_matter_and_what_two_of_three_see_is_told(composing: Story) -> None:
    places = ["fra", "nyc", "sin"]
    watchers = [f"web-from-{place}" for place in places]
    composing.given(
        *(check(f"web-from-{place}", severity="low", labels={"location": place}) for place in places),
        check(
            "web", kind="composite", config={"of": watchers, "need": 2, "by": "location"}, interval="10m", timeout="5s"
        ),
        routing={"critical": {"to": "alice", "via": "mail"}, "default": {"to": "bob", "via": "mail"}},
    )
    composing.fast_forward(minutes=15)
    composing.check_fails("web-from-fra")
    composing.fast_forward(minutes=1)
    assert all(alert.check_slug != "web" for delivery in composing.deliveries for alert in delivery.message.alerts)
    composing.check_fails("web-from-sin")
    composing.fast_forward(minutes=1)
    told = composing.expect_notification("alice", about="web")
    assert "by location, 1 of 3 are up, 2 are needed" in told.message.alerts[0].summary
    composing.check_recovers("web-from-fra")
    composing.fast_forward(minutes=1)
    composing.expect_notification("alice", about="web", kind="resolution")
