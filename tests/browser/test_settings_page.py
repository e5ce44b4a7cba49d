"""Settings and announcements in a real browser: channels tried out, tokens and users made, everybody told."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.status_page import Group, StatusPage
from tests.browser.conftest import Open
from tests.builders import make_channel

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>"
TOKEN = re.compile(r"hm_[\w-]{43}")


@pytest.fixture
def published(engine: Engine) -> None:
    document = json.dumps(StatusPage("Status", (Group("Shop", services=("shop",)),)).to_document())
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO status_pages (name, document, managed_by, updated_at) VALUES ('public', :d, 't', now())"),
            {"d": document},
        )


def test_a_token_is_made_shown_once_and_revoked(open_page: Open, healthmgr: Healthmgr) -> None:
    page = open_page("admin", "/ui/settings")
    page.get_by_role("button", name="New token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(f"board {EVIL}")
    dialog.get_by_label("Held to scopes").fill("checks:read")
    dialog.get_by_role("button", name="Make it").click()
    secret = page.get_by_label("Secret")
    expect(secret).to_have_value(TOKEN)
    token = secret.input_value()
    page.get_by_role("button", name="Done").click()
    expect(secret).to_have_count(0)
    row = page.get_by_label("Table of tokens").get_by_role("row", name="board")
    expect(row).to_contain_text("checks:read")
    assert page.content().count(token) == 0
    who = healthmgr.tokens.verify(token, healthmgr.now())
    assert who is not None
    assert (who.role.value, who.scopes) == ("viewer", frozenset({"checks:read"}))
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    assert healthmgr.tokens.verify(token, healthmgr.now()) is None
    assert page.evaluate("window.hacked") is None


def test_a_user_is_added_and_disabled(open_page: Open, healthmgr: Healthmgr) -> None:
    page = open_page("admin", "/ui/settings")
    page.get_by_role("button", name="New user").click()
    page.get_by_role("dialog").get_by_label("Name").fill("ada")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    secret = page.get_by_label("Secret")
    expect(secret).to_have_value(re.compile(".{20,}"))
    password = secret.input_value()
    page.get_by_role("button", name="Done").click()
    assert healthmgr.sessions.sign_in_with_password("ada", password, "test", healthmgr.now()) is not None
    page.get_by_role("button", name="Disable ada").click()
    expect(page.get_by_label("Table of users")).to_contain_text("disabled")
    assert healthmgr.sessions.sign_in_with_password("ada", password, "test", healthmgr.now()) is None


def test_a_webhook_is_added_tried_and_removed(open_page: Open, healthmgr: Healthmgr) -> None:
    page = open_page("admin", "/ui/settings")
    page.get_by_role("button", name="New webhook").click()
    page.get_by_label("Address").fill("https://hooks.example.com/x?k=of-its-own")
    page.get_by_label("Events (empty: all)").fill("incident_opened, incident_resolved")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("textbox", name="Secret")).to_have_value(re.compile("^whsec_"))
    page.get_by_role("button", name="Done").click()
    table = page.get_by_role("region", name="Table of webhooks")
    expect(table).to_contain_text("https://hooks.example.com")
    expect(table).to_contain_text("incident_opened, incident_resolved")
    expect(table).not_to_contain_text("of-its-own")
    table.get_by_role("button", name="Test").click()
    expect(page.get_by_text("It is told a test within seconds")).to_be_visible()
    (webhook,) = healthmgr.webhooks.keeping.list()
    assert [each.type for each in healthmgr.webhooks.reading.deliveries(webhook.id).items] == ["test"]
    table.get_by_role("button", name="Disable").click()
    expect(table).to_contain_text("by hand")
    table.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No program is told of events yet.")).to_be_visible()


def test_a_channel_is_tried_out_and_its_failure_is_told(open_page: Open, engine: Engine) -> None:
    make_channel(engine, "hook", kind="email", config={"host": "127.0.0.1", "port": 1, "from": "a@example.com"})
    page = open_page("admin", "/ui/settings")
    page.get_by_role("button", name="Test hook").click()
    page.get_by_role("dialog").get_by_label("To which address").fill("b@example.com")
    page.get_by_role("dialog").get_by_role("button", name="Send a test").click()
    expect(page.locator(".q-notification")).to_contain_text("hook did not accept it")


def test_nobody_but_admins_sees_or_does_any_of_it(open_page: Open, healthmgr: Healthmgr) -> None:
    page = open_page("responder", "/ui/settings")
    expect(page.get_by_role("alert")).to_contain_text("This needs the role admin")
    assert page.get_by_label("Table of tokens").count() == 0
    assert page.get_by_role("link", name="Settings").count() == 0


def test_everybody_is_told_of_trouble_and_of_its_end(open_page: Open, published: None, healthmgr: Healthmgr) -> None:
    page = open_page("responder", "/ui/announcements")
    page.get_by_role("button", name="Tell of trouble").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("In one line").fill(f"Orders fail {EVIL}")
    dialog.get_by_label("What people should know").fill("We look for the cause.")
    dialog.get_by_role("button", name="Publish").click()
    expect(page.locator("article.incident")).to_contain_text("investigating")
    page.get_by_role("button", name="Say what is new").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What is new").fill("It was the disk.")
    dialog.get_by_role("button", name="Publish").click()
    expect(page.locator("article.incident")).to_contain_text("It was the disk.")
    (one,) = healthmgr.public.announcing.list()
    assert [update.state.value for update in one.updates] == ["investigating", "identified"]
    assert page.evaluate("window.hacked") is None


def test_a_viewer_reads_announcements_and_makes_none(open_page: Open, published: None, healthmgr: Healthmgr) -> None:
    page = open_page("viewer", "/ui/announcements")
    expect(page.get_by_text("Nothing is announced.")).to_be_visible()
    assert page.get_by_role("button", name="Tell of trouble").count() == 0
    page.evaluate("emitEvent('act', {act: 'trouble'})")
    expect(page.get_by_text("This needs the role responder")).to_be_visible()
