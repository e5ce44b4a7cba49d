"""The list of runbooks, and the page of one: trying it, starting it, stopping all of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.runbook import Runbook, Step
from healthmgr.services.commanding import Act
from healthmgr.storage.tables import breakers, kill_switches, runs
from tests.browser.conftest import Open
from tests.browser.recovering import make_run, make_shop, open_breaker
from tests.builders import make_check, make_runbook

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>"


@pytest.fixture
def shop(engine: Engine, healthmgr: Healthmgr) -> UUID:
    return make_shop(engine, healthmgr)


def mended(engine: Engine, healthmgr: Healthmgr, alert: UUID, *, is_proved: bool = True) -> None:
    state = "succeeded" if is_proved else "failed"
    ended_at = healthmgr.now() - timedelta(hours=1)
    make_run(
        engine, healthmgr, alert_id=alert, state=state, reason="check_is_healthy", words="", is_proved=is_proved,
        ended_at=ended_at, created_at=ended_at - timedelta(minutes=1),
    )  # fmt: skip


def test_the_list_says_what_mends_what_and_how_often(
    open_page: Open, shop: UUID, engine: Engine, healthmgr: Healthmgr
) -> None:
    mended(engine, healthmgr, shop)
    make_check(engine, "blog", recovery_procedure="restart-blog")
    page = open_page(path="/ui/runbooks")
    line = page.locator("article.runbook", has_text="restart-shop")
    expect(line).to_contain_text("fully automated, at a hard failure; for shop; team web")
    expect(line).to_contain_text("service_restart")
    expect(line).to_contain_text("1 of 1 mended")
    expect(line.get_by_role("img")).to_have_attribute("aria-label", "100 % mended, 80 % are promised")
    expect(line).to_contain_text("ready")
    expect(page.locator("article.runbook", has_text="by-hand")).to_contain_text("manual")
    expect(page.get_by_label("At a glance")).to_contain_text("of 1 alert mended in 30 days")
    expect(page.get_by_label("Named, and not defined")).to_contain_text("restart-blog is what blog would be mended by")


def test_without_runbooks_it_says_how_one_is_made(open_page: Open, healthmgr: Healthmgr) -> None:
    page = open_page(path="/ui/runbooks")
    expect(page.get_by_text("No runbook is defined")).to_contain_text("healthmgr apply")
    expect(page.get_by_text("No kill switch is thrown")).to_be_visible()


def test_a_kill_switch_is_thrown_with_a_reason_seen_and_released(open_page: Open, shop: UUID, engine: Engine) -> None:
    page = open_page(path="/ui/runbooks")
    page.get_by_role("button", name="Throw a kill switch").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why").fill("It makes it worse " + EVIL)
    dialog.get_by_label("What is stopped").click()
    page.get_by_role("option", name="the runbooks of team web").click()
    dialog.get_by_role("button", name="Stop it").click()
    switches = page.get_by_label("Kill switches", exact=True)
    expect(switches).to_contain_text("The kill switch of team web is thrown")
    expect(switches).to_contain_text("by responder-token")
    expect(switches).to_contain_text("It makes it worse " + EVIL)
    expect(page.locator("article.runbook", has_text="restart-shop")).to_contain_text("stopped")
    expect(page.locator("article.runbook", has_text="by-hand")).to_contain_text("ready")
    with engine.connect() as connection:
        assert connection.execute(select(kill_switches.c.scope)).scalars().all() == ["team:web"]
    page.get_by_role("button", name="Release the kill switch of team web").click()
    page.get_by_role("dialog").get_by_role("button", name="Release it").click()
    expect(switches).to_contain_text("No kill switch is thrown")
    with engine.connect() as connection:
        assert connection.execute(select(kill_switches.c.scope)).first() is None
    assert page.evaluate("window.hacked") is None


def test_a_switch_that_somebody_else_throws_is_seen_within_two_seconds(
    open_page: Open, shop: UUID, healthmgr: Healthmgr
) -> None:
    page = open_page(path="/ui/runbooks")
    expect(page.get_by_text("No kill switch is thrown")).to_be_visible()
    healthmgr.recovery.restraining.throw("", Act("ben", "cli", healthmgr.now(), "A storm"))
    expect(page.get_by_text("The kill switch for all recovery is thrown")).to_be_visible(timeout=2_000)


def test_a_breaker_that_is_open_is_closed_by_a_person(
    open_page: Open, shop: UUID, engine: Engine, healthmgr: Healthmgr
) -> None:
    open_breaker(engine, healthmgr)
    page = open_page(path="/ui/runbooks")
    expect(page.locator("article.runbook", has_text="restart-shop")).to_contain_text("breaker open")
    page.get_by_role("link", name="restart-shop").click()
    expect(page.get_by_label("Runbook", exact=True)).to_contain_text("It failed 3 times in a row")
    page.get_by_role("button", name="Close the breaker").click()
    page.get_by_role("dialog").get_by_role("button", name="Close it").click()
    expect(page.get_by_label("Runbook", exact=True)).to_contain_text("ready")
    with engine.connect() as connection:
        assert connection.execute(select(breakers.c.opened_at)).scalar_one() is None


def test_the_page_of_a_runbook_tells_its_steps_and_what_it_keeps_to(open_page: Open, shop: UUID) -> None:
    page = open_page(path="/ui/runbooks/restart-shop")
    expect(page.get_by_role("heading", name="Restart the shop")).to_be_visible()
    steps = page.get_by_label("Steps")
    expect(steps).to_contain_text("Take it out")
    expect(steps).to_contain_text("http://lb.example.com/drain")
    expect(steps).to_contain_text("Start it all the same")
    expect(steps).to_contain_text("if it fails: undoes what was done")
    expect(steps).to_contain_text("only if severity == 'critical'")
    rails = page.get_by_label("Rails")
    for words in ("2 runs", "in 1h", "5 runs", "opens after 3 failures in a row", "1 of ada, team:web, within 15m"):
        expect(rails).to_contain_text(words)
    expect(page.get_by_label("Latest runs")).to_contain_text("It has not run yet")


def test_a_dry_run_says_what_would_happen_and_touches_nothing(open_page: Open, shop: UUID, engine: Engine) -> None:
    page = open_page("viewer", "/ui/runbooks/restart-shop")
    form = page.get_by_label("Try it", exact=True)
    assert page.get_by_role("button", name="Start a run").count() == 0
    expect(form.get_by_label("For the check")).to_have_value("shop")
    form.get_by_label("unit").fill("shop-2")
    form.get_by_role("button", name="Try it").click()
    found = form.get_by_label("What would happen")
    expect(found).to_contain_text("shop-2")
    expect(found).to_contain_text("It would ask: 1 of ada, team:web")
    expect(found).to_contain_text("Nothing was touched")
    page.wait_for_url("**/ui/runbooks/restart-shop?check=shop")
    form.get_by_label("Labels").fill("severity=low")
    form.get_by_role("button", name="Try it").click()
    expect(found).to_contain_text("passed over")
    with engine.connect() as connection:
        assert connection.execute(select(runs.c.id)).first() is None


@pytest.mark.parametrize(
    ("label", "value", "words"),
    [
        ("For the check", "shap", "There is no check 'shap'"),
        ("Labels", "severity=" + EVIL, "There is no severity"),
        ("Labels", "severity", "expected NAME=VALUE, found 'severity'"),
    ],
)
def test_what_cannot_be_tried_is_said_as_text(open_page: Open, shop: UUID, label: str, value: str, words: str) -> None:
    page = open_page(path="/ui/runbooks/restart-shop")
    page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_label("What would happen")).to_contain_text(words)
    assert page.evaluate("window.hacked") is None


def test_a_run_is_started_with_parameters_and_a_check_and_its_page_is_shown(
    open_page: Open, shop: UUID, engine: Engine
) -> None:
    page = open_page(path="/ui/runbooks/restart-shop?check=shop")
    page.get_by_label("unit").fill("shop-2")
    page.get_by_label("size").fill("3")
    page.get_by_role("button", name="Start a run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Start restart-shop on shop")
    dialog.get_by_label("Comment").fill("I saw it")
    dialog.get_by_role("button", name="Start it").click()
    page.wait_for_url("**/ui/runs/*")
    expect(page.get_by_label("Run", exact=True)).to_contain_text("awaiting approval")
    expect(page.get_by_label("Approvals", exact=True)).to_contain_text("You started it: somebody else has to agree")
    with engine.connect() as connection:
        run = connection.execute(select(runs.c.started_by, runs.c.parameters)).one()
    assert (run.started_by, run.parameters) == ("responder-token", {"unit": "shop-2", "size": 3})


def test_a_run_that_a_rail_refuses_is_not_started_and_why_is_said(
    open_page: Open, shop: UUID, engine: Engine, healthmgr: Healthmgr
) -> None:
    healthmgr.recovery.restraining.throw("", Act("ben", "cli", healthmgr.now(), "A storm"))
    page = open_page(path="/ui/runbooks/restart-shop")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_label("What would happen")).to_contain_text("the kill switch for all recovery is thrown")
    page.get_by_role("button", name="Start a run").click()
    page.get_by_role("dialog").get_by_role("button", name="Start it").click()
    expect(page.locator(".q-notification")).to_contain_text("the kill switch for all recovery is thrown")
    with engine.connect() as connection:
        assert connection.execute(select(runs.c.id)).first() is None


def test_a_viewer_throws_no_switch(open_page: Open, shop: UUID, engine: Engine, healthmgr: Healthmgr) -> None:
    open_breaker(engine, healthmgr)
    page = open_page("viewer", "/ui/runbooks")
    expect(page.locator("article.runbook", has_text="restart-shop")).to_contain_text("breaker open")
    assert page.locator("[data-act]").count() == 0
    for data in (
        "act: 'throw', teams: ''",
        "act: 'close_breaker', runbook: 'restart-shop'",
        "act: 'release', scope: ''",
    ):
        page.evaluate(f"emitEvent('act', {{{data}}})")
        expect(page.get_by_text("This needs the role responder").first).to_be_visible()
    assert page.get_by_role("dialog").count() == 0


def test_what_definitions_say_is_shown_as_text(open_page: Open, engine: Engine, healthmgr: Healthmgr) -> None:
    step = Step("look", "notification", EVIL, {"to": "ada", "message": EVIL}, when=f"check == '{EVIL}'")
    make_runbook(engine, Runbook("evil", (step,), title=EVIL, description=EVIL, parameters={"unit": EVIL}))
    page = open_page(path="/ui/runbooks/evil")
    expect(page.get_by_label("Steps")).to_contain_text(EVIL)
    expect(page.get_by_label("Runbook", exact=True)).to_contain_text(EVIL)
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_label("What would happen")).to_contain_text("Say for which check")
    page.goto(page.url.split("/ui/")[0] + "/ui/runbooks")
    expect(page.locator("article.runbook")).to_contain_text(EVIL)
    assert page.evaluate("window.hacked") is None


def test_a_runbook_that_is_not_there_is_told_so(open_page: Open, shop: UUID) -> None:
    page = open_page(path="/ui/runbooks/restart-shap")
    expect(page.get_by_role("alert")).to_contain_text("did you mean 'restart-shop'?")
