"""The plain page in a real browser, over real rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from healthmgr.api.app import create_app
from healthmgr.services.responding import Responding
from healthmgr.storage.database import DatabaseClock
from healthmgr.storage.responding_rows import RespondingRows
from healthmgr.storage.tables import alerts
from healthmgr.storage.transactions import Transactions
from tests.builders import make_alert, make_check, make_checks, make_incident, make_pulse, make_result, make_well
from tests.serving import Container, ServedApp

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

SIFT_ALL = """() => {
  const begun = performance.now();
  document.getElementById("search").dispatchEvent(new Event("input"));
  return performance.now() - begun;
}"""
EVIL = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


class RealContainer(Container):
    """With the database's own clock, and people's actions carried out."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(
            engine,
            clock=DatabaseClock(engine),
            responding=Responding(Transactions(engine, lambda c: RespondingRows(c, tuple))),
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


@pytest.fixture
def container(engine: Engine) -> RealContainer:
    return RealContainer(engine)


@pytest.fixture
def site(container: RealContainer) -> Iterator[str]:
    server = ServedApp(create_app(container))
    server.start()
    yield server.url
    server.stop()


Open = Callable[..., playwright.Page]


@pytest.fixture
def open_page(browser: playwright.Browser, site: str, container: RealContainer) -> Iterator[Open]:
    """Opens the page with a token of a role; fails the test on any error or refused content in the browser."""
    faults: list[str] = []
    contexts = []

    def open_as(role: str | None, **options: object) -> playwright.Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        token = container.tokens.ensure(role, role, None, container.clock.now()) if role else None
        page.goto(site + (f"/#token={token}" if token else "/"))
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert faults == []


def test_a_newcomer_is_told_what_to_do(container: RealContainer, engine: Engine, open_page: Open) -> None:
    page = open_page("viewer")
    page.get_by_text("describe checks in healthmgr.yaml").wait_for()
    assert page.locator("#whole-said").inner_text() == "Nothing is watched yet"
    page.get_by_text("nobody needs to do anything").wait_for()


def test_the_token_leaves_the_address_bar_and_lasts_as_long_as_the_tab(site: str, open_page: Open) -> None:
    page = open_page("viewer")
    page.locator("#screen").wait_for()
    assert page.url == f"{site}/"
    page.reload()
    page.locator("#screen").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.reload()
    page.get_by_label("Access token").wait_for()


def test_a_wrong_token_is_told_at_the_door(container: RealContainer, open_page: Open) -> None:
    page = open_page(None)
    page.get_by_label("Access token").fill("hm_" + "x" * 43)
    page.keyboard.press("Enter")
    page.get_by_text("not known, was revoked or has expired").wait_for()
    page.get_by_label("Access token").fill(container.tokens.create("mine", "viewer", container.clock.now()))
    page.keyboard.press("Enter")
    page.locator("#screen").wait_for()


def test_a_revoked_token_ends_at_the_door(container: RealContainer, open_page: Open) -> None:
    page = open_page("viewer")
    page.locator("#screen").wait_for()
    container.tokens.revoke("viewer", now=container.clock.now())
    page.get_by_text("was revoked").wait_for()


def test_a_change_is_shown_without_reloading(container: RealContainer, engine: Engine, open_page: Open) -> None:
    make_check(engine, "api", name="The API", last_message="200 OK")
    make_well(engine, container.clock.now())
    page = open_page("viewer")
    page.locator("#whole").get_by_text("All is well").wait_for()
    with engine.begin() as connection:
        said = "status = 'unhealthy', hard_status = 'unhealthy', last_message = 'connection refused'"
        connection.execute(text(f"UPDATE check_states SET {said}"))
    page.locator("#checks").get_by_text("connection refused").wait_for()
    assert page.locator("#whole-said").inner_text() == "1 unhealthy"
    assert page.title() == "1 unhealthy · healthmgr"
    assert "1 unhealthy" in (page.locator("#spoken").text_content() or "")


def test_a_soft_failure_is_said_but_colours_nothing(container: RealContainer, engine: Engine, open_page: Open) -> None:
    make_check(engine, "api", status="unhealthy", hard_status="healthy", is_hard=False, attempt=2)
    page = open_page("viewer")
    page.locator("#whole").get_by_text("All is well, 1 being tried again").wait_for()
    page.get_by_text("attempt 2 of 3").wait_for()
    assert page.locator("#whole").get_attribute("data-tone") == "healthy"


def test_a_responder_acknowledges_and_resolves(container: RealContainer, engine: Engine, open_page: Open) -> None:
    now = container.clock.now()
    incident = make_incident(engine, group_key="g", opened_at=now)
    check = make_check(engine, "api", name="The API", status="unhealthy")
    make_alert(engine, check, incident_id=incident, group_key="g", opened_at=now)
    page = open_page("responder")
    page.get_by_role("button", name="Acknowledge The API").click()
    page.get_by_text("acknowledged by responder").wait_for()
    page.get_by_role("button", name="Resolve The API").click()
    page.get_by_label("What was done").fill("Restarted it")
    page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    page.get_by_text("nobody needs to do anything").wait_for()
    with engine.connect() as connection:
        row = connection.execute(alerts.select()).one()
    assert (row.acknowledged_by, row.resolved_by) == ("responder", "responder")


def test_a_viewer_is_offered_no_action(container: RealContainer, engine: Engine, open_page: Open) -> None:
    make_alert(engine, make_check(engine, "api", name="The API"))
    page = open_page("viewer")
    page.locator("#alerts").get_by_text("The API").wait_for()
    assert page.get_by_role("button", name="Acknowledge").count() == 0
    assert page.get_by_role("button", name="Resolve").count() == 0


def test_nothing_that_was_read_runs_as_script(container: RealContainer, engine: Engine, open_page: Open) -> None:
    over = {
        "name": EVIL,
        "service": EVIL,
        "description": EVIL,
        "last_message": EVIL,
        "runbook_url": "javascript:hacked=1",
    }
    check = make_check(engine, "api", labels={EVIL: EVIL}, last_metrics={EVIL: 1.0}, **over)
    make_alert(engine, check, summary=EVIL, acknowledged_at=container.clock.now(), acknowledged_by=EVIL)
    make_result(engine, check, message=EVIL, started_at=container.clock.now())
    make_pulse(engine, "worker", EVIL, container.clock.now() - timedelta(minutes=5))
    page = open_page("responder")
    page.locator("#checks button").click()
    page.locator("#panel-results span").wait_for()
    assert page.evaluate("window.hacked") is None
    assert page.locator("#screen img, dialog img, #screen script").count() == 0
    assert page.get_by_role("link", name="Runbook").count() == 0


def test_a_check_is_seen_from_near_and_ordered_to_probe(
    container: RealContainer, engine: Engine, open_page: Open
) -> None:
    check = make_check(
        engine,
        "api",
        name="The API",
        description="Serves people.",
        next_due_at=container.clock.now() + timedelta(hours=1),
    )
    for sequence in range(5):
        make_result(engine, check, sequence=sequence, started_at=container.clock.now())
    page = open_page("responder")
    page.get_by_role("button", name="The API").click()
    page.get_by_text("Serves people.").wait_for()
    assert page.locator("#panel-results span").count() == 5
    page.get_by_role("button", name="Probe now").click()
    page.get_by_text("A probe is ordered.").wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").wait_for()
    assert container.reading.check("api").is_paused
    page.keyboard.press("Escape")
    page.locator("#checks").get_by_text("paused").wait_for()


def test_what_ails_healthmgr_itself_is_said_on_top(container: RealContainer, engine: Engine, open_page: Open) -> None:
    make_well(engine, container.clock.now() - timedelta(seconds=60))
    page = open_page("viewer")
    page.get_by_role("link", name="See below").wait_for()
    page.locator("#parts").get_by_text("start a worker with -Q escalation").wait_for()


def test_silence_of_the_api_is_said(container: RealContainer, open_page: Open) -> None:
    page = open_page("viewer")
    page.locator("#screen").wait_for()
    page.clock.install()
    page.route("**/api/**", lambda route: route.abort())
    page.clock.run_for(15_000)
    page.get_by_text("no answer for").wait_for()


def test_a_thousand_checks_are_shown_sifted_and_kept_up_to_date(
    container: RealContainer, engine: Engine, open_page: Open
) -> None:
    make_checks(engine, (f"check-{number:04}" for number in range(997)))
    make_checks(engine, ("slow-1", "slow-2", "slow-3"), status="degraded")
    page = open_page("viewer")
    page.locator("#checks tr").nth(999).wait_for(state="attached")
    page.get_by_role("button", name="3 degraded").click()
    assert page.locator("#checks tr").count() == 3
    page.get_by_role("button", name="3 degraded").click()
    page.get_by_label("Find checks").fill("check-0777")
    assert page.locator("#checks tr").count() == 1
    page.get_by_label("Find checks").fill("")
    with engine.begin() as connection:
        connection.execute(text("UPDATE check_states SET last_message = 'news'"))
    page.locator("#checks tr").nth(999).get_by_text("news").wait_for()
    cost = page.evaluate(SIFT_ALL)
    assert cost < 500


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(container: RealContainer, engine: Engine, open_page: Open, scheme: str) -> None:
    check = make_check(engine, "api", name="x" * 80, last_message="y" * 200, status="unhealthy")
    make_alert(engine, check, summary="z" * 200)
    page = open_page("responder", viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.locator("#checks tr").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_keyboard_reaches_everything_and_keeps_its_place(
    container: RealContainer, engine: Engine, open_page: Open
) -> None:
    make_alert(engine, make_check(engine, "api", name="The API", status="unhealthy"))
    page = open_page("responder")
    page.get_by_role("button", name="Resolve The API").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert page.evaluate("document.activeElement.ariaLabel") == "Resolve The API"
    make_check(engine, "new", status="unhealthy", name="A new one")
    page.locator("#checks").get_by_text("A new one").wait_for()
    assert page.evaluate("document.activeElement.ariaLabel") == "Resolve The API"
