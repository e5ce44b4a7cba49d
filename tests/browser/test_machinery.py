"""Workers and queues, and the audit log, in a real browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from healthmgr.bootstrap import Healthmgr
from tests.browser.conftest import Open
from tests.builders import make_check, make_pulse, make_result

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
TOKYO = timedelta(hours=9)
EVIL = "<img src=x onerror=window.hacked=1>"


def test_workers_and_queues_are_shown_with_what_is_wrong(open_page: Open, engine: Engine, healthmgr: Healthmgr) -> None:
    now = healthmgr.now()
    make_pulse(engine, "queue", "checks", now, depth=7, by="worker-1")
    make_result(engine, make_check(engine, "shop"), started_at=now - timedelta(minutes=20))
    make_pulse(engine, "worker", "worker-1", now, queues=["checks"], since=now.isoformat())
    page = open_page("viewer", "/ui/workers")
    queues = page.get_by_label("Table of queues")
    expect(queues.get_by_role("row", name="checks")).to_contain_text("7")
    expect(queues.get_by_role("row", name="escalation")).to_contain_text("nothing consumes queue escalation")
    expect(page.get_by_label("Table of workers").get_by_role("row", name="worker-1")).to_contain_text("checks")
    whole = page.get_by_label("healthmgr itself")
    for words in ("checks behind", "messages behind", "rollups behind"):
        expect(whole).to_contain_text(words)
    expect(page.get_by_label("Promises")).to_contain_text("too little to tell")


def test_the_audit_log_is_read_by_admins_alone(open_page: Open, healthmgr: Healthmgr) -> None:
    healthmgr.tokens.create(EVIL, "viewer", healthmgr.now(), actor="ada", origin="api 10.0.0.1")
    page = open_page("admin", "/ui/audit?search=token.create")
    expect(page.get_by_label("Entries")).to_contain_text("ada")
    expect(page.get_by_label("Entries")).to_contain_text(EVIL)
    assert page.evaluate("window.hacked") is None
    page = open_page("responder", "/ui/audit")
    expect(page.get_by_role("alert")).to_contain_text("This needs the role admin")
    assert page.get_by_role("link", name="Audit").count() == 0


def test_the_audit_log_is_sifted_in_the_address_and_paged(
    open_page: Open, healthmgr: Healthmgr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("healthmgr.dashboard.audit._SIZE", 4)
    now = healthmgr.now()
    for at, (actor, name) in enumerate(
        [("ada", "one"), ("ada", "two"), ("ben", "three"), ("ada", "four"), ("ada", "five")]
    ):
        healthmgr.tokens.create(name, "viewer", now - timedelta(hours=8 * at), actor=actor, origin="cli")
    page = open_page("admin", "/ui/audit?action=token", timezone_id="Asia/Tokyo")
    rows = page.get_by_label("Entries").locator("tbody tr")
    page.get_by_role("link", name="ben").click()
    page.wait_for_url("**/ui/audit?actor=ben&action=token")
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox", name="Any of it").fill("three")
    page.get_by_label("Who").fill("")
    page.get_by_label("From, by your clock").fill((now - timedelta(hours=17) + TOKYO).strftime("%Y-%m-%dT%H:%M"))
    page.get_by_label("Until").fill((now - timedelta(hours=7) + TOKYO).strftime("%Y-%m-%dT%H:%M"))
    page.get_by_role("button", name="Show").click()
    expect(rows).to_have_count(1)
    assert "zone=Asia%2FTokyo" in page.url
    page.get_by_role("searchbox", name="Any of it").fill("")
    page.get_by_role("button", name="Show").click()
    expect(rows).to_have_count(2)
    page.get_by_role("link", name="All of it").click()
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Newest").click()
    page.goto(page.url.split("?")[0] + "?until=nonsense")
    expect(page.get_by_role("alert")).to_contain_text("'nonsense' is no time")
