"""Signing in, and the first page, in a real browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from healthmgr.bootstrap import Healthmgr
from healthmgr.storage.tables import audit_entries, check_states, checks, incidents
from tests.browser.conftest import Open
from tests.builders import make_alert, make_check, make_checks, make_incident, make_result, make_transition, make_well
from tests.measuring.making import rolling

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>\"'><script>window.hacked=1</script>"


@pytest.fixture
def broken_shop(engine: Engine, healthmgr: Healthmgr) -> int:
    """A shop that is down with an incident open, and a database that is well; the incident's number."""
    now = healthmgr.now()
    make_well(engine, at=now)
    shop = make_check(
        engine, "shop", name="The shop", service="web", status="unhealthy", severity="critical",
        last_message="503 Service Unavailable", last_result_at=now, since_at=now - timedelta(minutes=5),
    )  # fmt: skip
    database = make_check(engine, "database", service="storage", last_result_at=now)
    for minute in range(30):
        at = now - timedelta(minutes=minute, seconds=10)
        status = "unhealthy" if minute < 5 else "healthy"
        make_result(engine, shop, started_at=at, status=status, sequence=100 - minute)
        make_result(engine, database, started_at=at, sequence=100 - minute)
    rolling(engine).roll(now)
    make_transition(engine, shop, at=now - timedelta(minutes=5), old_status="healthy", new_status="unhealthy")
    incident = make_incident(engine, severity="critical", opened_at=now - timedelta(minutes=5))
    make_alert(engine, shop, incident_id=incident, severity="critical", opened_at=now - timedelta(minutes=5))
    with engine.connect() as connection:
        return connection.execute(select(incidents.c.number)).scalar_one()


def test_without_a_session_there_is_only_the_door(open_page: Open, broken_shop: int) -> None:
    page = open_page(None, "/ui/?status=unhealthy")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "/login" in page.url


def test_a_token_opens_the_door_and_signing_out_shuts_it(
    open_page: Open, healthmgr: Healthmgr, broken_shop: int
) -> None:
    token = healthmgr.tokens.create("ada", "viewer", healthmgr.now())
    page = open_page(None, "/login?next=/ui/%3Fstatus%3Dunhealthy")
    page.get_by_label("Access token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/ui/?status=unhealthy")
    expect(page.get_by_text("ada", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(page.url.replace("/login", "/ui/"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_token_is_told_so(site: str, open_page: Open) -> None:
    answer = open_page(None, "/login").request.post(
        f"{site}/login", form={"token": "hm_" + "x" * 43}, headers={"sec-fetch-site": "same-origin"}
    )
    assert answer.status == 401
    assert "not known" in answer.text()


def test_a_form_of_another_site_signs_nobody_in(site: str, healthmgr: Healthmgr, open_page: Open) -> None:
    token = healthmgr.tokens.create("ada", "viewer", healthmgr.now())
    answer = open_page(None, "/login").request.post(
        f"{site}/login", form={"token": token}, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status == 403
    assert "set-cookie" not in answer.headers


def test_the_overview_shows_what_is_wrong_first(open_page: Open, broken_shop: int) -> None:
    page = open_page()
    first = page.locator("article.line").first
    expect(first.get_by_role("link", name="The shop")).to_be_visible()
    expect(first).to_contain_text("503 Service Unavailable")
    expect(first.get_by_role("img", name="the last 30 results: 25 healthy, 5 not")).to_be_visible()
    expect(page.get_by_label("Open incidents")).to_contain_text(f"#{broken_shop}")
    expect(page.get_by_label("Recent changes")).to_contain_text("The shop is unhealthy")


def test_an_incident_is_acknowledged_with_one_press_and_the_page_says_so(
    open_page: Open, broken_shop: int, engine: Engine
) -> None:
    page = open_page()
    page.get_by_role("button", name=f"Acknowledge incident {broken_shop}").click()
    expect(page.get_by_label("Open incidents")).to_contain_text("acknowledged by responder-token")
    with engine.connect() as connection:
        told = connection.execute(
            select(audit_entries.c.actor, audit_entries.c.origin).where(audit_entries.c.action.like("%acknowledge"))
        ).all()
    assert [(row.actor, row.origin.split()[0]) for row in told] == [("responder-token", "dashboard")]


def test_a_viewer_is_offered_nothing_to_press_and_refused_what_they_press_all_the_same(
    open_page: Open, broken_shop: int, engine: Engine
) -> None:
    page = open_page("viewer")
    expect(page.get_by_label("Open incidents")).to_contain_text("firing")
    assert page.get_by_role("button", name="Acknowledge").count() == 0
    page.evaluate(f"emitEvent('act', {{act: 'acknowledge', number: '{broken_shop}'}})")
    expect(page.get_by_text("This needs the role responder")).to_be_visible()
    with engine.connect() as connection:
        assert connection.execute(select(incidents.c.acknowledged_by)).scalar_one() is None


def test_a_change_is_on_the_screen_within_two_seconds(open_page: Open, broken_shop: int, engine: Engine) -> None:
    page = open_page()
    line = page.locator("article.line", has_text="database")
    expect(line).to_have_attribute("data-tone", "healthy")
    with engine.begin() as connection:
        wanted = select(checks.c.id).where(checks.c.slug == "database").scalar_subquery()
        connection.execute(update(check_states).where(check_states.c.check_id == wanted).values(status="degraded"))
    expect(line).to_have_attribute("data-tone", "degraded", timeout=2000)


def test_filters_stand_in_the_address_and_can_be_taken_back(open_page: Open, broken_shop: int) -> None:
    page = open_page(path="/ui/?search=shop&status=unhealthy")
    expect(page.locator("article.line")).to_have_count(1)
    page.get_by_role("link", name="All states again").click()
    page.wait_for_url("**/ui/?search=shop")
    page = open_page(path="/ui/?search=nothing-like-it")
    expect(page.get_by_text("No check is like that")).to_be_visible()


def test_at_a_glance_it_counts_incidents_by_severity_and_tells_of_itself(
    open_page: Open, broken_shop: int, engine: Engine
) -> None:
    make_incident(engine, severity="low", group_key="another")
    page = open_page()
    glance = page.get_by_label("At a glance")
    expect(glance).to_contain_text("2open incidents 1 critical 1 low")
    expect(glance.get_by_role("link", name="healthmgr itself")).to_contain_text("well")
    glance.get_by_role("link", name="1 low").click()
    page.wait_for_url("**/ui/incidents?severity=low")
    expect(page.locator("article.incident")).to_have_count(1)


def test_each_line_tells_its_day(open_page: Open, broken_shop: int) -> None:
    page = open_page()
    shop = page.locator("article.line", has_text="The shop")
    expect(shop.locator(".up")).to_have_text("83.33 % up in the last 24 hours")
    expect(page.locator("article.line", has_text="database").locator(".up")).to_contain_text("100 %")
    expect(shop.get_by_role("img", name="response time by the hour: ")).to_be_visible()
    assert page.evaluate("!!document.querySelector('hm-spark').shadowRoot.querySelector('path')")


def test_long_lists_come_in_pages(open_page: Open, engine: Engine, healthmgr: Healthmgr) -> None:
    make_checks(engine, [f"check-{number:03}" for number in range(120)])
    page = open_page()
    expect(page.locator("article.line")).to_have_count(50)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("page 2 of 3, 120 checks")).to_be_visible()


def test_what_people_write_is_shown_as_text(open_page: Open, engine: Engine, healthmgr: Healthmgr) -> None:
    evil = make_check(engine, "evil", name=EVIL, service=EVIL, status="unhealthy", last_message="first 😀 second")
    page = open_page(path="/ui/?search=evil")
    line = page.locator("article.line")
    expect(line).to_contain_text("first 😀 second")
    with engine.begin() as connection:
        words = f"first 😀 {EVIL} second 😀"
        connection.execute(
            update(check_states).where(check_states.c.check_id == evil).values(last_message=words, status="degraded")
        )
    expect(line).to_contain_text(words)
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None


def test_only_what_changes_travels(open_page: Open, broken_shop: int, engine: Engine, healthmgr: Healthmgr) -> None:
    frames: list[str] = []
    page = open_page(path="/ui/incidents")
    page.on("websocket", lambda socket: socket.on("framereceived", lambda text: frames.append(str(text))))
    page.goto(page.url.replace("/incidents", "/"))
    line = page.locator("article.line", has_text="database")
    expect(line.get_by_role("img", name="the last 30 results: 30 healthy, 0 not")).to_be_visible()
    with engine.begin() as connection:
        wanted = select(checks.c.id).where(checks.c.slug == "database").scalar_subquery()
        check_id = connection.execute(select(wanted)).scalar_one()
        connection.execute(update(check_states).where(check_states.c.check_id == wanted).values(status="degraded"))
    make_result(engine, check_id, started_at=healthmgr.now(), status="degraded", sequence=101)
    expect(line.get_by_role("img", name="the last 31 results: 30 healthy, 1 not")).to_be_visible()
    expect(page.get_by_role("link", name="1 degraded")).to_be_visible()
    assert any('"database"' in text.replace("\\", "") for text in frames)
    assert sum(map(len, frames)) < 3000
