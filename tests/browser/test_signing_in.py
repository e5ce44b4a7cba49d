"""Signing in by name and password, what keeps others out, and a session that ends while a page is open."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.signing_in import Attempts
from tests.browser.conftest import DESKTOP, PHONE, Open

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
PASSWORD = "four plain words here"
EVIL = "<img src=x onerror=window.hacked=1>"


@pytest.fixture
def ada(healthmgr: Healthmgr) -> Iterator[str]:
    healthmgr.users.add("ada", PASSWORD, "responder", healthmgr.now(), actor="root", origin="test")
    return "ada"


def send(site: str, **form: str) -> requests.Response:
    return requests.post(f"{site}/login", data=form, allow_redirects=False, timeout=10)


def test_a_user_signs_in_with_name_and_password_and_comes_where_they_wanted(
    open_page: Open, ada: str, keep_picture
) -> None:
    page = open_page(None, "/ui/incidents?state=open")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    keep_picture(page, "login-desktop")
    page.get_by_label("Name", exact=True).fill(ada)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile(r"/ui/incidents\b.*"))
    expect(page.get_by_text("ada").first).to_be_visible()


def test_a_wrong_password_is_refused_in_the_same_words_as_an_unknown_name(site: str, ada: str) -> None:
    wrong, unknown = send(site, name=ada, password="x"), send(site, name=EVIL, password="x")
    assert wrong.status_code == unknown.status_code == 401
    assert "Name or password are wrong" in wrong.text
    assert wrong.text == unknown.text
    assert "set-cookie" not in wrong.headers


def test_a_form_of_another_site_signs_nobody_in_or_out(site: str, ada: str, healthmgr: Healthmgr) -> None:
    form = {"name": ada, "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}):
        answer = requests.post(f"{site}/login", data=form, headers=headers, allow_redirects=False, timeout=10)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    begun = healthmgr.sessions.sign_in_with_password(ada, PASSWORD, "test", healthmgr.now())
    assert begun is not None
    headers = {"Cookie": f"healthmgr_session={begun[0]}", "Sec-Fetch-Site": "cross-site"}
    requests.post(f"{site}/logout", headers=headers, allow_redirects=False, timeout=10)
    assert healthmgr.sessions.find(begun[0], healthmgr.now()) is not None


def test_the_cookie_is_for_this_site_alone_and_the_page_is_guarded(site: str, ada: str) -> None:
    answer = send(site, name=ada, password=PASSWORD, next="https://evil.example.com/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    page = requests.get(f"{site}/login", timeout=10)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"


def test_tries_are_counted_by_address_and_by_name_and_what_succeeds_is_none() -> None:
    at = [0.0]
    attempts = Attempts(tick=lambda: at[0])
    for _ in range(100):
        assert attempts.take("10.0.0.1", "ada") == 0
        attempts.give_back("10.0.0.1", "ada")
    assert [attempts.take(f"10.0.0.{n}", "ada") for n in range(10)] == [0] * 10
    assert attempts.take("10.0.0.99", "ada") == pytest.approx(30)
    assert [attempts.take("10.9.9.9", f"name{n}") for n in range(20)] == [0] * 20
    assert attempts.take("10.9.9.9", "another") == pytest.approx(5)
    at[0] = 31.0
    assert attempts.take("10.0.0.99", "ada") == 0


def test_who_tries_too_often_has_to_wait(site: str, ada: str) -> None:
    answers = [send(site, name="mallory", password="x") for _ in range(11)]
    assert [answer.status_code for answer in answers[:10]] == [401] * 10
    assert answers[10].status_code == 429
    assert int(answers[10].headers["retry-after"]) > 0
    assert send(site, name=ada, password=PASSWORD).status_code == 303


def test_a_page_that_is_open_is_led_to_sign_in_when_its_session_ends(open_page: Open, healthmgr: Healthmgr) -> None:
    page = open_page("responder", "/ui/silences")
    expect(page.get_by_role("heading", name="Silences")).to_be_visible()
    healthmgr.sessions.end_all("responder-token", now=healthmgr.now(), actor="root", origin="test")
    page.wait_for_url(re.compile(r"/login\?next="), timeout=30_000)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_nothing_is_done_for_a_session_that_has_ended(open_page: Open, healthmgr: Healthmgr) -> None:
    page = open_page("responder", "/ui/silences")
    page.get_by_label("Matchers").fill("service=web")
    page.get_by_label("Why").fill("calm")
    healthmgr.sessions.end_all("responder-token", now=healthmgr.now(), actor="root", origin="test")
    page.get_by_role("button", name="Silence").click()
    page.wait_for_url(re.compile(r"/login\?next="))
    assert healthmgr.silencing.find(healthmgr.now()) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_the_door_fits_at_any_width(open_page: Open, keep_picture, ada, scheme, size, viewport) -> None:
    page = open_page(None, "/login", viewport=viewport, color_scheme=scheme)
    page.get_by_text("With an access token").click()
    expect(page.get_by_label("Access token")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    keep_picture(page, f"login-{size}-{scheme}")
