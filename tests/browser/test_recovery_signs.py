"""What is under repair and what waits for an answer, on the pages that people have open anyway."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, select

from healthmgr.bootstrap import Healthmgr
from healthmgr.services.commanding import Act
from healthmgr.storage.tables import approval_votes, incidents, runs
from tests.browser.conftest import Open
from tests.browser.recovering import make_question, make_run, make_shop

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>"


@pytest.fixture
def alert(engine: Engine, healthmgr: Healthmgr) -> UUID:
    return make_shop(engine, healthmgr)


@pytest.fixture
def asking(engine: Engine, healthmgr: Healthmgr, alert: UUID) -> int:
    """A run of its incident that asks; its number."""
    run_id, number = make_run(engine, healthmgr, alert_id=alert, state="awaiting_approval", words="")
    make_question(engine, healthmgr, run_id, question="May it? " + EVIL)
    return number


def test_the_overview_says_what_waits_for_an_answer_which_is_given_there(
    open_page: Open, asking: int, engine: Engine
) -> None:
    page = open_page()
    side = page.get_by_label("Recovery", exact=True)
    expect(side).to_contain_text("May it? " + EVIL)
    expect(side).to_contain_text("shop by restart-shop, awaiting approval")
    page.get_by_role("button", name=f"Deny run {asking}").click()
    page.get_by_role("dialog").get_by_role("button", name="Deny").click()
    expect(side).to_be_hidden()
    with engine.connect() as connection:
        assert connection.execute(select(approval_votes.c.person)).scalar_one() == "responder-token"
    assert page.evaluate("window.hacked") is None


def test_a_viewer_sees_what_is_under_repair_and_is_asked_nothing(open_page: Open, asking: int) -> None:
    page = open_page("viewer")
    side = page.get_by_label("Recovery", exact=True)
    expect(side).to_contain_text("shop by restart-shop")
    expect(side).not_to_contain_text("May it?")
    assert side.locator("[data-act]").count() == 0


def test_a_run_that_begins_and_ends_is_seen_within_two_seconds(
    open_page: Open, alert: UUID, engine: Engine, healthmgr: Healthmgr
) -> None:
    page = open_page()
    side = page.get_by_label("Recovery", exact=True)
    expect(page.get_by_label("Open incidents")).to_be_visible()
    expect(side).to_be_hidden()
    make_run(engine, healthmgr)
    expect(side).to_contain_text("shop by restart-shop, running", timeout=2_000)
    with engine.begin() as connection:
        connection.execute(delete(runs))
    expect(side).to_be_hidden(timeout=2_000)


def test_an_incident_shows_what_runbooks_do_about_it_and_ask(open_page: Open, asking: int, engine: Engine) -> None:
    with engine.connect() as connection:
        number = connection.execute(select(incidents.c.number)).scalar_one()
    page = open_page(path=f"/ui/incidents/{number}")
    expect(page.get_by_label("Runbook runs")).to_contain_text(f"#{asking} restart-shop on shop: awaiting approval")
    expect(page.get_by_label("Approvals", exact=True)).to_contain_text("May it? " + EVIL)
    page.get_by_role("button", name=f"Deny run {asking}").click()
    page.get_by_role("dialog").get_by_label("Comment").fill("Not now")
    page.get_by_role("dialog").get_by_role("button", name="Deny").click()
    expect(page.get_by_label("Runbook runs")).to_contain_text("responder-token denied it: Not now")
    expect(page.get_by_label("Approvals", exact=True)).to_be_hidden()
    assert page.evaluate("window.hacked") is None


def test_who_started_a_critical_run_is_not_asked_about_it(open_page: Open, alert: UUID, healthmgr: Healthmgr) -> None:
    act = Act("responder-token", "cli", healthmgr.now())
    started = healthmgr.recovery.recovering.start("restart-shop", act, check="shop")
    page = open_page()
    expect(page.get_by_label("Recovery", exact=True)).to_contain_text("restart-shop")
    assert page.get_by_role("button", name=f"Approve run {started.number}").count() == 0
    page.get_by_role("link", name="Waits for an answer").click()
    expect(page.get_by_label("Approvals", exact=True)).to_contain_text("You started it")
