"""The page of one check, in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.charts import chart
from healthmgr.storage.tables import check_dependencies, check_schedules, check_states, checks
from tests.browser.conftest import Open
from tests.builders import make_alert, make_check, make_incident, make_result, make_transition, make_well

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


@pytest.fixture
def shop(engine: Engine, healthmgr: Healthmgr) -> str:
    """A shop that has been down for five minutes, hangs on a database, and was measured for an hour."""
    now = healthmgr.now()
    make_well(engine, at=now)
    thresholds = {"warning": {"response_time": "> 100ms"}, "critical": {"response_time": "> 500ms"}}
    shop = make_check(
        engine, "shop", name="The shop", service="web", status="unhealthy", severity="critical", thresholds=thresholds,
        last_message="503 Service Unavailable", last_result_at=now, since_at=now - timedelta(minutes=5),
        last_metrics={"queued_orders": 12.0},
    )  # fmt: skip
    database = make_check(engine, "database", name="Database", service="storage", last_result_at=now)
    with engine.begin() as connection:
        connection.execute(insert(check_dependencies).values(check_id=shop, parent_id=database))
    for minute in range(60):
        at = now - timedelta(minutes=minute, seconds=10)
        status = "unhealthy" if minute < 5 else "healthy"
        took = 0.6 if minute < 5 else 0.04 + minute % 7 / 100
        make_result(
            engine, shop, started_at=at, status=status, sequence=100 - minute, response_time=took, slot_at=at,
            metrics={"queued_orders": 3.0 + minute},
        )  # fmt: skip
    make_transition(engine, shop, at=now - timedelta(minutes=5), old_status="healthy", new_status="unhealthy")
    incident = make_incident(engine, severity="critical", opened_at=now - timedelta(minutes=5))
    make_alert(engine, shop, incident_id=incident, severity="critical", opened_at=now - timedelta(minutes=5))
    for _ in range(3):
        healthmgr.measuring.rolling.roll(healthmgr.now())
    return "shop"


def test_it_says_how_the_check_is_and_what_it_hangs_on(open_page: Open, shop: str) -> None:
    page = open_page(path=f"/ui/checks/{shop}")
    state = page.get_by_label("State")
    expect(state.get_by_role("heading", name="The shop")).to_be_visible()
    expect(state).to_contain_text("503 Service Unavailable")
    expect(page.get_by_role("img", name="the last 60 results: 55 healthy, 5 not")).to_be_visible()
    expect(page.get_by_label("Dependencies").get_by_role("link", name="Database")).to_be_visible()
    expect(page.get_by_label("Uptime")).to_contain_text("91.66 %")
    expect(page.get_by_label("Alert", exact=True).get_by_role("link", name="Incident 1")).to_be_visible()
    expect(page.get_by_label("Foreseen")).to_be_hidden()
    expect(page.get_by_label("History")).to_contain_text("healthy → unhealthy")


def test_it_shows_how_the_check_is_defined_and_where_without_secrets(
    open_page: Open, engine: Engine, healthmgr: Healthmgr
) -> None:
    config = {"url": "https://ada:${PW}@shop/health", "auth": {"token": "hunter2"}}
    thresholds = {"warning": {}, "critical": {"response_time": "> 500ms"}}
    make_check(engine, "shop", kind="http", config=config, thresholds=thresholds, managed_by="file:web.yaml")
    page = open_page("viewer", "/ui/checks/shop")
    definition = page.get_by_label("Definition")
    expect(definition).to_contain_text("in web.yaml")
    expect(definition.get_by_label("The check as YAML")).to_contain_text("url: https://ada:${PW}@shop/health")
    expect(definition).to_contain_text("token: '***'")
    expect(definition).to_contain_text("response_time: '> 500ms'")
    assert "hunter2" not in page.content()


def test_the_chart_shows_the_metric_and_the_range_of_the_address(open_page: Open, shop: str) -> None:
    page = open_page(path=f"/ui/checks/{shop}?range=1h")
    expect(page.locator(".picture canvas")).to_be_visible()
    page.get_by_role("link", name="queued orders").click()
    page.wait_for_url("**/ui/checks/shop?metric=queued_orders&range=1h")
    expect(page.locator(".picture canvas")).to_be_visible()
    page.get_by_role("link", name="7d").click()
    page.wait_for_url("**/ui/checks/shop?metric=queued_orders&range=7d")
    expect(page.get_by_role("link", name="7d")).to_have_attribute("aria-current", "true")


def test_incidents_are_marked_where_they_began() -> None:
    end = datetime(2026, 3, 1, 12, tzinfo=UTC)
    begin = end - timedelta(hours=1)
    begun = {7: end - timedelta(minutes=9), 3: begin - timedelta(minutes=1)}
    drawn = chart("response_time", [], begin, end, limits={}, transitions=[], status="healthy", incidents=begun)
    (line,) = drawn["series"][0]["markLine"]["data"]
    assert (line["xAxis"], line["label"]["formatter"]) == (begun[7].timestamp() * 1000, "#7")


def test_a_probe_is_ordered_and_probing_paused_by_whoever_may(open_page: Open, shop: str, engine: Engine) -> None:
    page = open_page(path=f"/ui/checks/{shop}")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("A probe is ordered")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_label("State")).to_contain_text("paused")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    with engine.connect() as connection:
        query = select(check_schedules.c.cause, checks.c.is_paused).join(checks).where(checks.c.slug == shop)
        assert tuple(connection.execute(query).one()) == ("request", True)


def test_a_viewer_orders_nothing(open_page: Open, shop: str, engine: Engine) -> None:
    page = open_page("viewer", f"/ui/checks/{shop}")
    expect(page.get_by_label("State")).to_contain_text("unhealthy")
    assert page.get_by_role("button", name="Run now").count() == 0
    page.evaluate("emitEvent('act', {act: 'pause', slug: 'shop'})")
    expect(page.get_by_text("This needs the role responder")).to_be_visible()
    with engine.connect() as connection:
        assert connection.execute(select(checks.c.is_paused).where(checks.c.slug == shop)).scalar_one() is False


def test_a_heartbeat_tells_its_pings_and_its_address_to_whoever_may_act(
    open_page: Open, engine: Engine, healthmgr: Healthmgr
) -> None:
    now = healthmgr.now()
    make_check(
        engine, "backup", kind="heartbeat", armed_at=now, last_ping_at=now, last_kind="success", ping_count=7,
        last_detail=EVIL, last_metrics={"certificate_days_left": 12.4},
    )  # fmt: skip
    page = open_page(path="/ui/checks/backup")
    pings = page.get_by_label("Pings")
    expect(pings).to_contain_text("success")
    expect(pings).to_contain_text(EVIL)
    expect(page.get_by_label("State")).to_contain_text("certificate: 12 d left")
    address = pings.get_by_text("http://hm.example.com/ping/backup/").inner_text()
    assert page.request.get(address.replace("http://hm.example.com", page.url.split("/ui/")[0])).ok
    page = open_page("viewer", "/ui/checks/backup")
    expect(page.get_by_label("Pings")).to_contain_text("success")
    assert "/ping/" not in page.content()


def test_a_check_that_is_not_there_is_told_so(open_page: Open, healthmgr: Healthmgr) -> None:
    page = open_page(path="/ui/checks/nothing")
    expect(page.get_by_role("alert")).to_contain_text("There is no check 'nothing'")


def test_it_follows_what_happens(open_page: Open, shop: str, engine: Engine) -> None:
    page = open_page(path=f"/ui/checks/{shop}")
    expect(page.get_by_label("State")).to_have_attribute("data-tone", "unhealthy")
    with engine.begin() as connection:
        wanted = select(checks.c.id).where(checks.c.slug == shop).scalar_subquery()
        change = update(check_states).where(check_states.c.check_id == wanted)
        connection.execute(change.values(status="healthy", last_message="200 OK"))
    expect(page.get_by_label("State")).to_have_attribute("data-tone", "healthy", timeout=2500)
    expect(page.get_by_label("State")).to_contain_text("200 OK")


def test_what_a_check_says_is_shown_as_text(open_page: Open, engine: Engine, healthmgr: Healthmgr) -> None:
    make_check(
        engine, "evil", name=EVIL, description=EVIL, status="unhealthy", last_message=EVIL, labels={"x": EVIL},
        runbook_url="javascript:window.hacked=1", last_metrics={EVIL: 1.0},
    )  # fmt: skip
    page = open_page(path="/ui/checks/evil")
    expect(page.get_by_label("State")).to_contain_text(EVIL)
    expect(page.get_by_label("About it")).to_contain_text("javascript:window.hacked=1")
    assert page.get_by_role("link", name="javascript:window.hacked=1").count() == 0
    assert page.evaluate("window.hacked") is None
