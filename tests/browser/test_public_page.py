"""The status page in a real browser, as somebody sees it who is not signed in."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from healthmgr.api.public import Keeper
from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.announcement import Impact, Kind, State, Wanted
from healthmgr.domain.status_page import Component, Group, StatusPage
from tests.browser.conftest import PHONE, Open
from tests.builders import make_check
from tests.measuring.making import Made, store
from tests.serving import ServedApp

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

PAGE = StatusPage(
    "Twikit status",
    (
        Group("Shop", (Component("shop", "Ordering"), Component("search", "Search"))),
        Group("Payments", services=("payments",), description="Cards and invoices"),
        Group("Mail", (Component("mail"),)),
    ),
    description="How our services are, from outside.",
)
WHO = {"actor": "ada", "origin": "test"}


@pytest.fixture
def published(engine: Engine, healthmgr: Healthmgr, dashboard: tuple[ServedApp, Healthmgr]) -> None:
    """A page with 90 days of history, trouble, planned work and something that is over."""
    now = healthmgr.now()
    dashboard[0].app.state.public_keeper = Keeper(fresh_for=0)
    days = [now - timedelta(days=n, minutes=5) for n in range(80)]
    for number, slug in enumerate(("shop", "search", "cards", "mail")):
        bad = slug == "search"
        status = "degraded" if bad else "healthy"
        check = make_check(
            engine, slug, service="payments" if slug == "cards" else slug, status=status, hard_status=status,
            last_result_at=now,
        )  # fmt: skip
        made = [
            Made(
                at - timedelta(minutes=minute),
                took=0.1,
                status="unhealthy" if (n + number) % 17 == 3 and minute < 2 + number else "healthy",
                metrics={},
                sequence=100_000 - n * 30 - minute,
            )
            for n, at in enumerate(days)
            for minute in range(30)
        ]
        with engine.begin() as connection:
            store(connection, check, *made)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO status_pages (name, document, managed_by, updated_at) VALUES ('public', :d, 't', now())"),
            {"d": json.dumps(PAGE.to_document())},
        )
    for _ in range(5):
        healthmgr.measuring.rolling.roll(healthmgr.now())
    announcing = healthmgr.public.announcing
    over = announcing.publish(
        Wanted(Kind.INCIDENT, "Invoices came late", "Invoices take an hour.", groups=("Payments",)), now=now, **WHO
    )
    announcing.update(over.number, State.RESOLVED, "They are on time again.", now=now, **WHO)
    announcing.publish(
        Wanted(Kind.INCIDENT, "Search is slow", "We look for the cause.", Impact.DEGRADED, ("Shop",)), now=now, **WHO
    )
    start = now + timedelta(days=1)
    planned = Wanted(
        Kind.MAINTENANCE, "New disks", "Mail may be late.\nNothing is lost.", Impact.NONE, ("Mail",),
        starts_at=start, ends_at=start + timedelta(hours=2),
    )  # fmt: skip
    announcing.publish(planned, now=now, **WHO)


def test_everybody_reads_it_without_scripts(open_page: Open, published: None) -> None:
    page = open_page(None, "/status", java_script_enabled=False)
    expect(page.get_by_role("status")).to_have_text("Something works less well than usual")
    expect(page.get_by_label("Now")).to_contain_text("Search is slow")
    expect(page.get_by_label("Planned")).to_contain_text("New disks")
    expect(page.get_by_label("Lately")).to_contain_text("They are on time again.")
    expect(page.get_by_label("Groups")).to_contain_text("Ordering")
    assert page.content().count("ada") == 0


def test_nothing_is_cut_off_on_a_phone(open_page: Open, published: None) -> None:
    page = open_page(None, "/status", viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    badge = page.request.get(page.url.replace("/status", "/badge/shop/uptime-30d.svg"))
    assert "Ordering 30d" in badge.text()
