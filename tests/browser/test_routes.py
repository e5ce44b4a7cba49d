"""The routing tree with its tester, the simulation, and the people who are told, in a real browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.person import QuietHours, quiet_to_document
from healthmgr.domain.routing_tree import Options, Route
from healthmgr.domain.timewindow import parse_time_interval
from healthmgr.storage.tables import contact_checks, incidents, notifications, recipients
from tests.browser.conftest import Open
from tests.builders import make_channel, make_check, make_receiver, make_recipient, make_route, make_well

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>"


@pytest.fixture
def tree(engine: Engine, healthmgr: Healthmgr) -> None:
    """A catch-all to alice, the shop to bob, the shop's critical alerts to both; people of whom bob sleeps."""
    make_well(engine, at=healthmgr.now())
    make_channel(engine, "mail", config={"host": "127.0.0.1", "port": 1, "from": "hm@example.com"})
    for name in ("alice", "bob"):
        make_recipient(engine, name, mail=f"{name}@example.com")
        make_receiver(engine, name, [name], ["mail"])
    make_receiver(engine, "both", ["alice", "bob"], ["mail"])
    make_check(engine, "cart", name="The cart", service="shop", severity="critical")
    make_route(engine, Route("default", receiver="alice"))
    worst = Route("worst", matchers=tuple(parse_matchers("severity=critical")), receiver="both")
    shop = Route(
        "shop", matchers=tuple(parse_matchers("service=shop")), receiver="bob", routes=(worst,),
        options=Options(group_wait=timedelta(seconds=45)),
    )  # fmt: skip
    make_route(engine, shop, position=1)
    note = Route("note", matchers=tuple(parse_matchers(f'note="{EVIL}"')), receiver="bob")
    make_route(engine, note, position=2)
    nights = QuietHours((parse_time_interval({"times": [{"start_time": "22:00", "end_time": "24:00"}],
                                              "location": "Europe/Berlin"}),), (Severity.LOW,))  # fmt: skip
    with engine.begin() as connection:
        connection.execute(update(recipients).where(recipients.c.name == "bob").values(
            quiet_hours=quiet_to_document([nights])))  # fmt: skip


def test_the_tree_is_drawn_with_all_that_its_routes_inherit(open_page: Open, tree: None) -> None:
    page = open_page("viewer", "/ui/routes")
    drawn = page.get_by_label("The tree")
    expect(drawn.locator(".routes .routes .routes .route")).to_contain_text("worst")
    expect(drawn.locator(".route", has_text="worst")).to_contain_text("both (alice, bob over mail)")
    expect(drawn.locator(".route", has_text="worst")).to_contain_text("waits 45s")
    expect(drawn).to_contain_text(EVIL)
    assert page.evaluate("window.hacked") is None


def test_the_tester_says_which_way_an_alert_takes_and_why(open_page: Open, tree: None) -> None:
    page = open_page("viewer", "/ui/routes")
    page.get_by_label("Where would an alert go?").fill("check=cart")
    page.get_by_role("button", name="Test").click()
    way = page.get_by_label("Where it goes")
    expect(way).to_contain_text("default/shop/worst")
    expect(way).to_contain_text("alice over mail, bob over mail")
    expect(way).to_contain_text("told after 45s")
    expect(page.locator(".route.is-taken")).to_contain_text("worst")
    expect(page.locator(".route.is-untried")).to_contain_text("shop took it and does not continue")
    assert "labels=check%3Dcart" in page.url


@pytest.mark.parametrize("path", ["/ui/routes", "/ui/simulate"])
def test_what_is_no_label_is_said(open_page: Open, tree: None, path: str) -> None:
    page = open_page("viewer", path + "?labels=service%3Dshop,nonsense")
    expect(page.get_by_role("alert")).to_contain_text("'nonsense' is no label: write NAME=VALUE")


def test_a_simulation_tells_who_would_be_told_and_writes_nothing(open_page: Open, tree: None, engine: Engine) -> None:
    page = open_page("viewer", "/ui/simulate", timezone_id="Asia/Tokyo")
    expect(page.get_by_text("Write the labels of an alert")).to_be_visible()
    page.get_by_label("Labels of the alert").fill("service=shop, severity=critical")
    page.get_by_label("When, by your clock").fill("2099-01-05 09:00")
    page.get_by_role("button", name="Simulate").click()
    told = page.get_by_label("What would happen")
    expect(told).to_contain_text("By the route default/shop/worst")
    expect(told.locator("tbody tr", has_text="bob over mail").first).to_contain_text("0:00:45")
    at = told.locator("h2 hm-time").get_attribute("at")
    assert at.startswith("2099-01-05T00:00:00"), "nine in Tokyo"
    with engine.connect() as connection:
        assert connection.execute(select(incidents.c.id)).first() is None
        assert connection.execute(select(notifications.c.id)).first() is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [("&at=whenever", "is no time"), ("&within=30d", "up to 7 days"), ("&alerts=many", "is no number"),
     ("&within=x", "how far to look"), ("&alerts=100000", "1000 alerts"), ("&zone=Nowhere", "zone")],
)  # fmt: skip
def test_what_cannot_be_simulated_is_said(open_page: Open, tree: None, asked: str, said: str) -> None:
    page = open_page("viewer", "/ui/simulate?labels=service%3Dshop" + asked)
    expect(page.get_by_role("alert")).to_contain_text(said)


def test_people_stand_with_contacts_quiet_hours_and_whether_they_work(open_page: Open, tree: None) -> None:
    page = open_page("responder", "/ui/people")
    bob = page.get_by_label("bob", exact=True)
    expect(bob).to_contain_text("mail bob@example.com not verified")
    expect(bob).to_contain_text("Left alone with what is low: 22:00 to 24:00 (Europe/Berlin)")
    page.get_by_label("Search people").fill("ali")
    page.keyboard.press("Enter")
    expect(page.get_by_label("alice", exact=True)).to_be_visible()
    assert page.get_by_label("bob", exact=True).count() == 0


def test_a_code_that_cannot_be_sent_is_said(open_page: Open, tree: None) -> None:
    page = open_page("responder", "/ui/people")
    page.get_by_role("button", name="Send a code to bob over mail").click()
    expect(page.get_by_text("The code could not be sent")).to_be_visible()


def test_a_wrong_code_is_refused_and_counted(open_page: Open, tree: None, engine: Engine, healthmgr: Healthmgr) -> None:
    page = open_page("responder", "/ui/people")
    page.get_by_role("button", name="Send a code to bob over mail").click()
    expect(page.get_by_text("The code could not be sent")).to_be_visible()
    page.get_by_role("button", name="Confirm bob over mail").click()
    page.get_by_role("dialog").get_by_label("The code that came").fill("000000x")
    page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("This is not the code that was sent")).to_be_visible()
    with engine.connect() as connection:
        assert connection.execute(select(contact_checks.c.attempts)).scalar_one() == 1


def test_a_viewer_sees_no_address_and_sends_no_code(open_page: Open, tree: None) -> None:
    page = open_page("viewer", "/ui/people")
    expect(page.get_by_label("bob", exact=True)).to_contain_text("mail not verified")
    assert "bob@example.com" not in page.content()
    page.evaluate("emitEvent('act', {act: 'send_code', person: 'bob', channel: 'mail', address: 'bob@example.com'})")
    expect(page.get_by_text("This needs the role responder")).to_be_visible()
