"""Workers and queues, and the audit log, in a real browser."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from healthmgr.bootstrap import Healthmgr
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.builders import make_pulse, make_well

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>"


def test_workers_and_queues_are_shown_with_what_is_wrong(open_page: Open, engine: Engine, healthmgr: Healthmgr) -> None:
    now = healthmgr.now()
    make_pulse(engine, "queue", "checks", now, depth=7, by="worker-1")
    make_pulse(engine, "worker", "worker-1", now, queues=["checks"], since=now.isoformat())
    page = open_page("viewer", "/ui/workers")
    queues = page.get_by_label("Table of queues")
    expect(queues.get_by_role("row", name="checks")).to_contain_text("7")
    expect(queues.get_by_role("row", name="escalation")).to_contain_text("nothing consumes queue escalation")
    expect(page.get_by_label("Table of workers").get_by_role("row", name="worker-1")).to_contain_text("checks")
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


@pytest.mark.parametrize("path", ["workers", "audit"])
@pytest.mark.parametrize(("size", "viewport"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_nothing_is_cut_off_at_any_width(open_page, keep_picture, engine, healthmgr, path, size, viewport) -> None:
    make_well(engine, at=healthmgr.now())
    page = open_page("admin", f"/ui/{path}", viewport=viewport)
    expect(page.locator("table").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    keep_picture(page, f"{path}-{size}")
