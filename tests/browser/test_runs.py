"""The list of runs, the page of one, and answering what runbooks ask."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, update

from healthmgr.bootstrap import Healthmgr
from healthmgr.services.commanding import Act
from healthmgr.storage.tables import approval_votes, approvals, audit_entries, runs
from tests.browser.conftest import Open
from tests.browser.recovering import make_attempt, make_line, make_run, make_shop

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>"


@pytest.fixture
def alert(engine: Engine, healthmgr: Healthmgr) -> UUID:
    return make_shop(engine, healthmgr)


@pytest.fixture
def asking(engine: Engine, healthmgr: Healthmgr, alert: UUID) -> int:
    """A run that asks whether it may begin; its number."""
    started = healthmgr.recovery.recovering.start("restart-shop", Act("ben", "cli", healthmgr.now()), check="shop")
    with engine.begin() as connection:
        connection.execute(update(approvals).values(approvers=[]))
    return started.number


@pytest.fixture
def half_done(engine: Engine, healthmgr: Healthmgr, alert: UUID) -> int:
    """A run whose first step is done, whose second is tried again; its number."""
    run_id, number = make_run(engine, healthmgr, alert_id=alert)
    make_attempt(engine, healthmgr, run_id, "drain", message="200 OK", output="drained shop-1")
    make_attempt(
        engine, healthmgr, run_id, "restart", kind="service_restart", place=1, state="timed_out",
        message="it did not come up " + EVIL, output=EVIL,
    )  # fmt: skip
    make_attempt(
        engine, healthmgr, run_id, "restart", kind="service_restart", place=1, attempt=2, state="running",
        ended_at=None,
    )  # fmt: skip
    make_line(
        engine, healthmgr, run_id, "run_started", detail={"runbook": "restart-shop", "number": number, "target": EVIL}
    )
    return number


def state_of(engine: Engine) -> str:
    with engine.connect() as connection:
        return connection.execute(select(runs.c.state)).scalar_one()


def test_a_run_tells_its_steps_their_attempts_and_what_they_said(open_page: Open, half_done: int) -> None:
    page = open_page(path=f"/ui/runs/{half_done}")
    expect(page.get_by_role("heading", name=f"#{half_done} restart-shop on shop")).to_be_visible()
    steps = page.get_by_label("Steps").locator("ol > li")
    expect(steps).to_have_count(2)
    expect(steps.nth(0)).to_contain_text("Take it out")
    expect(steps.nth(0).locator("pre")).to_have_text("drained shop-1")
    expect(steps.nth(1)).to_contain_text("attempt 1: timed out")
    expect(steps.nth(1)).to_contain_text("attempt 2: running")
    expect(steps.nth(1).locator("pre")).to_have_text(EVIL)
    expect(page.get_by_label("What happened")).to_contain_text(EVIL)
    expect(page.get_by_label("About it").get_by_role("link", name="#1")).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_what_a_run_does_is_seen_within_two_seconds(
    open_page: Open, half_done: int, engine: Engine, healthmgr: Healthmgr
) -> None:
    page = open_page(path=f"/ui/runs/{half_done}")
    expect(page.get_by_label("Run", exact=True)).to_contain_text("running")
    with engine.begin() as connection:
        connection.execute(update(runs).values(state="succeeded", is_proved=True, words="", ended_at=healthmgr.now()))
    expect(page.get_by_label("Run", exact=True)).to_contain_text("proved: its check is healthy", timeout=2_000)
    assert page.get_by_role("button", name="End it").count() == 0


def test_what_an_abandoned_run_left_behind_is_undone_in_the_browser(
    open_page: Open, half_done: int, engine: Engine, healthmgr: Healthmgr
) -> None:
    with engine.begin() as connection:
        lost = {"state": "abandoned", "reason": "worker_lost", "place": 1, "done": ["drain"]}
        connection.execute(update(runs).values(**lost, ended_at=healthmgr.now()))
    page = open_page(path=f"/ui/runs/{half_done}")
    expect(page.get_by_label("Run", exact=True)).to_contain_text("What would undo it: start-anyway")
    page.get_by_role("button", name="Undo what it left").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("These steps are taken: start-anyway.")
    dialog.get_by_role("button", name="Undo it").click()
    expect(page.get_by_label("What happened")).to_contain_text("responder-token has what runbook restart-shop")
    assert state_of(engine) == "rolling_back"


def test_a_run_that_asks_is_approved_in_the_browser(open_page: Open, asking: int, engine: Engine) -> None:
    page = open_page(path=f"/ui/runs/{asking}")
    asked = page.get_by_label("Approvals", exact=True)
    expect(asked).to_contain_text("whoever may respond may answer, but not who started it")
    expect(asked).to_contain_text("no answer is a no")
    expect(page.get_by_label("Steps")).to_contain_text("to come")
    page.get_by_role("button", name=f"Approve run {asking}").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Comment").fill("go " + EVIL)
    dialog.get_by_role("button", name="Approve").click()
    expect(asked).to_contain_text("responder-token agreed: go " + EVIL)
    expect(page.get_by_label("Run", exact=True)).to_contain_text("running")
    with engine.connect() as connection:
        vote = connection.execute(select(approval_votes)).one()
        said = connection.execute(
            select(audit_entries.c.actor).where(audit_entries.c.action == "approval.approved")
        ).scalar_one()
    assert (vote.person, vote.is_for, said) == ("responder-token", True, "responder-token")
    assert vote.origin.startswith("dashboard")
    assert page.evaluate("window.hacked") is None


def test_one_no_ends_it(open_page: Open, asking: int, engine: Engine) -> None:
    page = open_page(path=f"/ui/runs/{asking}")
    page.get_by_role("button", name=f"Deny run {asking}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Comment").fill("Not before noon")
    dialog.get_by_role("button", name="Deny").click()
    expect(page.get_by_label("Run", exact=True)).to_contain_text("responder-token denied it: Not before noon")
    assert state_of(engine) == "failed"


def test_a_vote_that_does_not_count_says_why(open_page: Open, asking: int, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(approvals).values(approvers=["ada", "team:web"]))
    page = open_page(path=f"/ui/runs/{asking}")
    expect(page.get_by_label("Approvals", exact=True)).to_contain_text("ada, team:web may answer")
    page.get_by_role("button", name=f"Approve run {asking}").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.locator(".q-notification")).to_contain_text("responder-token is not among those who may approve this")
    assert state_of(engine) == "awaiting_approval"


def test_a_run_is_ended_with_what_it_did_undone(open_page: Open, asking: int, engine: Engine) -> None:
    page = open_page(path=f"/ui/runs/{asking}")
    page.get_by_role("button", name="End it").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What was done").click()
    page.get_by_role("option", name="undo what was done").click()
    dialog.get_by_label("Comment").fill("The wrong one")
    dialog.get_by_role("button", name="End it").click()
    expect(page.get_by_label("Run", exact=True)).to_contain_text("cancelled by responder-token")
    with engine.connect() as connection:
        detail = connection.execute(
            select(audit_entries.c.detail).where(audit_entries.c.action == "run.cancel")
        ).scalar_one()
    assert (detail["rolls_back"], detail["comment"]) == (True, "The wrong one")


def test_a_viewer_answers_and_ends_nothing(open_page: Open, asking: int, engine: Engine) -> None:
    page = open_page("viewer", f"/ui/runs/{asking}")
    expect(page.get_by_label("Approvals", exact=True)).to_be_visible()
    assert page.locator("[data-act]").count() == 0
    with engine.connect() as connection:
        approval = connection.execute(select(approvals.c.id)).scalar_one()
    for data in (f"act: 'approve', id: '{approval}'", f"act: 'deny', id: '{approval}'", "act: 'cancel_run', id: '1'"):
        page.evaluate(f"emitEvent('act', {{{data}}})")
        expect(page.get_by_text("This needs the role responder").first).to_be_visible()
    assert page.get_by_role("dialog").count() == 0
    assert state_of(engine) == "awaiting_approval"


def test_the_list_is_sifted_in_the_address_and_paged(
    open_page: Open, engine: Engine, healthmgr: Healthmgr, alert: UUID
) -> None:
    now = healthmgr.now()
    for at in range(52):
        make_run(
            engine, healthmgr, state="failed", reason="step_failed", words=f"the {at}th", ended_at=now,
            created_at=now - timedelta(minutes=at),
        )  # fmt: skip
    _, number = make_run(engine, healthmgr, runbook="by-hand", check_slug="blog", target="blog", words="")
    page = open_page(path="/ui/runs")
    lines = page.locator("article.incident")
    expect(lines).to_have_count(50)
    expect(lines.first).to_contain_text(f"#{number} by-hand on blog")
    page.get_by_role("link", name="Older").click()
    expect(lines).to_have_count(3)
    page.get_by_role("link", name="Newest").click()
    expect(lines).to_have_count(50)
    page.get_by_label("State").get_by_role("link", name="going on").click()
    page.wait_for_url("**/ui/runs?state=going_on")
    expect(lines).to_have_count(1)
    page.goto(page.url.split("?")[0] + "?runbook=by-hand&state=failed")
    expect(page.get_by_text("No run is like that")).to_be_visible()
    page.get_by_role("link", name="Of any runbook").click()
    expect(lines).to_have_count(50)


def test_without_runs_it_says_when_there_are_some(open_page: Open, healthmgr: Healthmgr) -> None:
    expect(open_page(path="/ui/runs").get_by_text("No runbook has run yet")).to_be_visible()


@pytest.mark.parametrize("which", ["4711", "%3Cscript%3E"])
def test_a_run_that_is_not_there_is_told_so(open_page: Open, healthmgr: Healthmgr, which: str) -> None:
    expect(open_page(path=f"/ui/runs/{which}").get_by_role("alert")).to_contain_text("There is no run")
