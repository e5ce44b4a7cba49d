"""Silences and maintenance windows in a real browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from healthmgr.bootstrap import Healthmgr
from healthmgr.storage.tables import maintenance_windows, silences
from tests.browser.conftest import Open
from tests.builders import make_alert, make_check, make_incident, make_silence, make_well

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>"


@pytest.fixture
def shop_alert(engine: Engine, healthmgr: Healthmgr) -> None:
    now = healthmgr.now()
    make_well(engine, at=now)
    shop = make_check(engine, "shop", name="The shop", service="web", status="unhealthy")
    incident = make_incident(engine, opened_at=now)
    make_alert(engine, shop, incident_id=incident, opened_at=now, labels={"service": "web"}, summary="503 " + EVIL)


def test_a_silence_is_made_while_one_sees_what_it_hits(open_page: Open, shop_alert: None, engine: Engine) -> None:
    page = open_page(path="/ui/silences")
    expect(page.get_by_text("Nothing is silenced")).to_be_visible()
    form = page.get_by_label("New silence")
    form.get_by_label("Matchers").fill("service=web")
    expect(form.get_by_label("What is hit")).to_contain_text("1 open alert of 1 incident")
    expect(form.get_by_label("What is hit")).to_contain_text("503 " + EVIL)
    form.get_by_label("Why").fill("Moving the pool")
    form.get_by_role("button", name="Silence").click()
    expect(page.locator("article.incident")).to_contain_text("by responder-token")
    with engine.connect() as connection:
        assert connection.execute(select(silences.c.created_by)).scalar_one() == "responder-token"
    page.get_by_role("button", name="End now").click()
    expect(page.locator("article.incident")).to_contain_text("expired")
    assert page.evaluate("window.hacked") is None


def test_what_is_wrong_with_the_matchers_is_said_while_one_writes(open_page: Open, shop_alert: None) -> None:
    page = open_page(path="/ui/silences?matchers=service%3D~%22%5B%22")
    expect(page.get_by_label("What is hit").locator(".fault")).to_be_visible()
    page.get_by_label("Matchers").fill("service=nobody")
    expect(page.get_by_label("What is hit")).to_contain_text("0 open alerts")


def test_a_silence_without_a_reason_is_refused_and_what_was_written_stays(
    open_page: Open, shop_alert: None, engine: Engine
) -> None:
    page = open_page(path="/ui/silences")
    page.get_by_label("Matchers").fill("service=web")
    page.get_by_role("button", name="Silence").click()
    expect(page.locator(".q-notification")).to_contain_text("comment")
    expect(page.get_by_label("Matchers")).to_have_value("service=web")
    with engine.connect() as connection:
        assert connection.execute(select(silences.c.id)).first() is None


def test_a_window_is_planned_and_deleted(open_page: Open, shop_alert: None, engine: Engine) -> None:
    page = open_page(path="/ui/maintenance", timezone_id="Asia/Tokyo")
    form = page.get_by_label("New window")
    form.get_by_label("Name").fill("new-rack")
    form.get_by_label("Matchers").fill("service=web")
    form.get_by_label("From, by your clock").fill("2030-01-31 22:00")
    form.get_by_label("Why").fill("A new rack")
    form.get_by_role("button", name="Plan").click()
    expect(page.locator("article.incident")).to_contain_text("new-rack")
    expect(page.locator("article.incident")).to_contain_text("waiting")
    expect(page.locator("article.incident hm-time")).to_have_attribute("at", "2030-01-31T13:00:00.000+00:00")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No work is planned")).to_be_visible()
    with engine.connect() as connection:
        assert connection.execute(select(maintenance_windows.c.name)).first() is None


def test_a_silence_is_extended(open_page: Open, shop_alert: None, engine: Engine, healthmgr: Healthmgr) -> None:
    now = healthmgr.now()
    silence = make_silence(engine, "service=web", starts_at=now, ends_at=now + timedelta(hours=1))
    page = open_page(path="/ui/silences")
    page.get_by_role("button", name="Extend").click()
    page.get_by_role("dialog").get_by_label("For how much longer").click()
    page.get_by_role("option", name="8 hours").click()
    page.get_by_role("dialog").get_by_role("button", name="Extend").click()
    expect(page.get_by_text("It holds for longer")).to_be_visible()
    with engine.connect() as connection:
        found = connection.execute(select(silences.c.id, silences.c.ends_at)).one()
    assert (found.id, found.ends_at) == (silence, now + timedelta(hours=9))


def test_the_preview_names_the_checks_that_fit_though_nothing_is_wrong_with_them(
    open_page: Open, shop_alert: None, engine: Engine
) -> None:
    make_check(engine, "cart", name="The cart", service="web")
    make_check(engine, "mail", name="The mail", service="mail")
    page = open_page(path="/ui/silences")
    page.get_by_label("Matchers").fill("service=web")
    hits = page.get_by_label("What is hit")
    expect(hits).to_contain_text("1 open alert of 1 incident")
    expect(hits).to_contain_text("For 2 checks, whether they fail or not: cart, shop")


@pytest.mark.parametrize(
    ("how", "rule"),
    [("by cron", "0 2 * * 0"), ("by a calendar rule", "FREQ=WEEKLY;BYDAY=SU")],
)
def test_a_window_is_planned_again_and_again_and_says_when_it_opens(
    open_page, keep_picture, shop_alert, engine, how, rule
) -> None:
    page = open_page(path="/ui/maintenance")
    form = page.get_by_label("New window")
    form.get_by_label("Name").fill("sundays")
    form.get_by_label("Matchers").fill("service=web")
    form.get_by_label("From").fill("2099-01-04 02:00")
    form.get_by_label("How often").click()
    page.get_by_role("option", name=how).click()
    form.get_by_label("Rule, such as").fill("nonsense")
    expect(form.get_by_label("What is hit").locator(".fault")).to_be_visible()
    form.get_by_label("Rule, such as").fill(rule)
    form.get_by_label("Time zone of the rule").fill("Europe/Berlin")
    expect(form.get_by_label("What is hit")).to_contain_text("Opens ")
    expect(form.get_by_label("What is hit").locator("hm-time")).to_have_count(3)
    keep_picture(page, f"maintenance-{how}")
    form.get_by_label("Why").fill("Every Sunday")
    form.get_by_role("button", name="Plan").click()
    expect(page.locator("article.incident")).to_contain_text("sundays")
    with engine.connect() as connection:
        kept = connection.execute(select(maintenance_windows.c.window)).scalar_one()
    assert (kept.get("cron") or kept["rrule"], kept["timezone"]) == (rule, "Europe/Berlin")


def test_a_viewer_makes_and_ends_nothing(
    open_page: Open, shop_alert: None, engine: Engine, healthmgr: Healthmgr
) -> None:
    now = healthmgr.now()
    silence = make_silence(engine, "service=web", starts_at=now, ends_at=now + timedelta(hours=1))
    page = open_page("viewer", "/ui/silences")
    expect(page.locator("article.incident")).to_contain_text("active")
    assert page.get_by_role("button", name="End now").count() == 0
    assert page.get_by_label("Matchers").count() == 0
    page.evaluate(f"emitEvent('act', {{act: 'expire', id: '{silence}'}})")
    expect(page.get_by_text("This needs the role responder")).to_be_visible()
