"""Which people an alert reaches, by the tree of routes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from tests.stories.harness import Story, check

MINUTE = timedelta(minutes=1)
BOB = {"to": ["bob"], "via": ["mail"]}
ALICE = {"to": ["alice"], "via": ["mail"]}


def tree(*routes: dict[str, Any], **default: Any) -> dict[str, Any]:
    return {"routes": list(routes), "default": {**BOB, "group_wait": "0s", **default}}


def broken(story: Story, *slugs: str) -> None:
    for slug in slugs:
        story.check_fails(slug)
    story.fast_forward(seconds=30)


def test_the_first_route_that_fits_wins_and_the_rest_goes_to_the_catch_all(story: Story) -> None:
    routing = tree(
        {"matchers": ["team=shop"], **ALICE},
        {"matchers": ['service=~"sh.*"'], "to": ["alice"], "via": ["hook"]},
    )
    shop = check("api", service="shop", labels={"team": "shop"})
    story.given(shop, check("web", service="shell"), check("dns"), routing=routing)
    story.all_is_well()
    broken(story, "api", "web", "dns")
    story.expect_notification("alice", via="mail", about="api")
    story.expect_notification("alice", via="hook", about="web")
    story.expect_notification("bob", via="mail", about="dns")
    story.expect_silence()


def test_a_route_that_continues_is_told_of_the_incident_of_the_one_that_decides(story: Story) -> None:
    routing = tree({"name": "log", "continue": True, **BOB}, {"name": "shop", "matchers": ["service=shop"], **ALICE})
    story.given(check("api", service="shop"), routing=routing)
    story.all_is_well()
    broken(story, "api")
    numbers = {story.expect_notification(who, about="api").message.incident_number for who in ("alice", "bob")}
    story.expect_silence()
    assert len(numbers) == 1
    assert [row.route for row in story.rows("SELECT route FROM incidents")] == ["default/shop"]


def test_each_leg_of_an_incident_is_told_again_at_its_own_cadence(story: Story) -> None:
    routing = tree(
        {"name": "log", "continue": True, "repeat_interval": "55m", **BOB},
        {"name": "page", "repeat_interval": "10m", **ALICE},
    )
    story.given(check("api"), routing=routing)
    story.all_is_well()
    broken(story, "api")
    first = story.deliveries[0].at
    story.let_pass(minutes=64)
    told = {who: [d.at - first for d in story.deliveries if d.message.recipient == who] for who in ("alice", "bob")}
    assert told == {"alice": [15 * n * MINUTE for n in range(5)], "bob": [0 * MINUTE, 60 * MINUTE]}


def test_a_receiver_that_wants_no_resolution_gets_none(story: Story) -> None:
    receivers = {"log": {"to": ["bob"], "via": ["mail"], "send_resolved": False}}
    routing = tree({"receiver": "log", "continue": True, "name": "log"}, {"name": "page", **ALICE})
    story.given(check("api"), routing=routing, receivers=receivers)
    story.all_is_well()
    broken(story, "api")
    story.expect_notification("alice", about="api")
    story.expect_notification("bob", about="api")
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()


def test_a_severity_that_rises_is_told_along_the_routes_of_that_severity(story: Story) -> None:
    routing = tree({"matchers": ["severity=critical"], "repeat_interval": "10m", **ALICE})
    story.given(check("api", degraded_severity="medium"), routing=routing)
    story.all_is_well()
    story.check_finds("api", Outcome(Status.DEGRADED, "slow"))
    story.fast_forward(minutes=1)
    story.expect_notification("bob", about="api")
    story.expect_silence()
    broken(story, "api")
    assert story.expect_notification("alice", about="api").message.reason == "severity_rose"
    story.expect_silence()
    story.let_pass(minutes=15)
    assert story.expect_notification("alice", about="api").message.reason == "repeat_interval_passed"
    story.expect_silence()
    assert story.rows("SELECT count(*) FROM incidents")[0][0] == 1


def test_an_open_incident_keeps_its_people_when_the_routes_change_and_the_next_one_has_the_new_ones(
    story: Story,
) -> None:
    story.given(check("api"), check("web"), routing=tree(repeat_interval="10m"))
    story.all_is_well()
    broken(story, "api")
    story.expect_notification("bob", about="api")
    story.given(check("api"), check("web"), routing=tree(repeat_interval="10m", to=["alice"]))
    story.let_pass(minutes=15)
    story.expect_notification("bob", about="api")
    story.expect_silence()
    broken(story, "web")
    story.expect_notification("alice", about="web")
    story.expect_silence()


def test_an_open_alert_keeps_its_group_when_the_routes_change(story: Story) -> None:
    story.given(check("api"), routing=tree())
    story.all_is_well()
    broken(story, "api")
    first = story.expect_notification("bob", about="api").message
    story.given(check("api"), routing=tree({"matchers": ["check=api"], "name": "new", **ALICE}))
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    assert story.expect_notification("bob", kind="resolution").message.incident_number == first.incident_number
    story.expect_silence()
    assert story.rows("SELECT count(*) FROM incidents WHERE resolved_at IS NULL")[0][0] == 0


def test_a_route_that_reaches_nobody_any_more_has_the_catch_all_told(story: Story) -> None:
    story.given(check("api"), routing=tree({"matchers": ["check=api"], **ALICE}))
    story.all_is_well()
    with story.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recipients SET is_enabled = false WHERE name = 'alice'")
    broken(story, "api")
    story.expect_notification("bob", about="api")
    story.expect_silence()
