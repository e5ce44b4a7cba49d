"""The graph of dependencies in a real browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from healthmgr.bootstrap import Healthmgr
from healthmgr.storage.tables import audit_entries, check_states, checks, dependency_suggestions
from tests.browser.conftest import Open
from tests.builders import make_check, make_well

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>\"'><script>window.hacked=1</script>"


@pytest.fixture
def shops(engine: Engine, healthmgr: Healthmgr) -> Healthmgr:
    """Two shops over a database and a network; a report of which it was learned that it may hang on the database."""
    now = healthmgr.now()
    make_well(engine, at=now)
    make_check(engine, "network", name="Network", service="network")
    database = make_check(engine, "database", name="Database", service="storage", depends_on=["network"])
    for number in range(1, 3):
        make_check(engine, f"shop-{number}", name=f"Shop {number}", service="web", depends_on=["database"])
    make_check(engine, "checkout", name="Checkout", service="web", depends_on=["shop-1"])
    report = make_check(engine, "report", name="Report", service="back office")
    row = {
        "check_id": report, "parent_id": database, "together": 9, "confidence": 0.9, "lift": 40.0,
        "lag": timedelta(seconds=20), "seen_at": now,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(dependency_suggestions), [row])
    return healthmgr


def test_the_graph_is_drawn_and_a_click_leads_to_the_check(open_page: Open, shops: Healthmgr) -> None:
    page = open_page(path="/ui/graph")
    expect(page.locator(".node")).to_have_count(5)
    expect(page.locator(".graph-lines path")).to_have_count(4)
    expect(page.get_by_label("Single points of failure")).to_contain_text("network")
    page.locator(".node").get_by_role("link", name="Checkout").click()
    page.wait_for_url("**/ui/checks/checkout")


def test_the_failure_of_a_check_is_played_through(open_page: Open, shops: Healthmgr) -> None:
    page = open_page(path="/ui/graph")
    page.get_by_role("link", name="4 fall with Network").click()
    page.wait_for_url("**/ui/graph?check=network")
    expect(page.get_by_label("Impact")).to_contain_text("4 checks in 2 services fall with it")
    expect(page.locator(".node[data-hit='fails']")).to_contain_text("Network")
    expect(page.locator(".node[data-hit='falls']")).to_have_count(4)
    page = open_page(path="/ui/graph?check=shop-1")
    expect(page.locator(".node[data-hit='falls']")).to_contain_text("Checkout")
    expect(page.locator(".node.is-spared")).to_have_count(2)


def test_what_was_learned_is_accepted_with_one_press(open_page: Open, shops: Healthmgr, engine: Engine) -> None:
    page = open_page(path="/ui/graph")
    page.get_by_role("button", name="Accept that report hangs on database").click()
    expect(page.get_by_text("report hangs on database from now on")).to_be_visible()
    expect(page.locator(".graph-lines path.is-learned")).to_have_count(1, timeout=15_000)
    expect(page.get_by_label("Learned")).to_contain_text("Nothing was learned")
    with engine.connect() as connection:
        query = select(audit_entries.c.actor, audit_entries.c.origin).where(audit_entries.c.action.like("dependency%"))
        told = connection.execute(query).all()
    assert [(one.actor, one.origin.split()[0]) for one in told] == [("responder-token", "dashboard")]


def test_what_was_learned_is_dismissed(open_page: Open, shops: Healthmgr) -> None:
    page = open_page(path="/ui/graph")
    page.get_by_role("button", name="Dismiss that report hangs on database").click()
    expect(page.get_by_label("Learned")).to_contain_text("Nothing was learned")
    assert shops.insight.charting.suggestions() == []


def test_a_viewer_decides_nothing(open_page: Open, shops: Healthmgr) -> None:
    page = open_page("viewer", "/ui/graph")
    expect(page.get_by_label("Learned")).to_contain_text("report may hang on database")
    assert page.get_by_role("button", name="Accept").count() == 0
    page.evaluate("emitEvent('act', {act: 'accept', check: 'report', parent: 'database'})")
    expect(page.get_by_text("This needs the role responder")).to_be_visible()
    assert len(shops.insight.charting.suggestions()) == 1


def test_a_change_is_in_the_picture_within_two_seconds(open_page: Open, shops: Healthmgr, engine: Engine) -> None:
    page = open_page(path="/ui/graph")
    node = page.locator(".node", has_text="Shop 2")
    expect(node).to_have_attribute("data-tone", "healthy")
    with engine.begin() as connection:
        wanted = select(checks.c.id).where(checks.c.slug == "shop-2").scalar_subquery()
        connection.execute(update(check_states).where(check_states.c.check_id == wanted).values(status="unhealthy"))
    expect(node).to_have_attribute("data-tone", "unhealthy", timeout=2500)


def test_where_nothing_hangs_together_it_says_how_to_say_so(open_page: Open, engine: Engine, healthmgr) -> None:
    make_check(engine, "alone")
    expect(open_page(path="/ui/graph").get_by_text("No check hangs on another yet")).to_be_visible()
    page = open_page(path="/ui/graph?check=nothing")
    expect(page.get_by_text("There is no check “nothing”")).to_be_visible()


def test_what_people_write_is_shown_as_text(open_page: Open, engine: Engine, healthmgr: Healthmgr) -> None:
    make_check(engine, "root", name=EVIL, service=EVIL)
    make_check(engine, "leaf", name=EVIL, service=EVIL, depends_on=["root"])
    page = open_page(path="/ui/graph?check=root")
    expect(page.locator(".node").first).to_contain_text(EVIL)
    assert page.evaluate("window.hacked") is None
