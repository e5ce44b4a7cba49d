"""The dashboard over a whole installation, and a real browser that fails a test on any fault that it sees."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from healthmgr.api.app import create_app
from healthmgr.bootstrap import Healthmgr, build
from healthmgr.dashboard.live import Live
from healthmgr.dashboard.mounting import mount_dashboard
from healthmgr.settings import Settings
from tests.serving import SECRET_KEY, ServedApp

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")  # while it is open, nothing else in this thread can run an event loop
def browser() -> Iterator[playwright.Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


@pytest.fixture(scope="session")
def dashboard(database_url: str) -> Iterator[tuple[ServedApp, Healthmgr, Live]]:
    """One server for all tests: the pages of NiceGUI belong to the process."""
    settings = Settings(database_url=database_url, public_url="http://hm.example.com", secret_key=SECRET_KEY)
    healthmgr = build(settings, worker="api")
    app = create_app(healthmgr)
    live = mount_dashboard(app, healthmgr)
    server = ServedApp(app)
    server.start()
    yield server, healthmgr, live
    server.stop()
    healthmgr.close()


@pytest.fixture
def healthmgr(engine: Engine, dashboard: tuple[ServedApp, Healthmgr, Live]) -> Healthmgr:
    """The installation that is shown, on empty tables, and nothing known of what they held before."""
    dashboard[2].forget()
    return dashboard[1]


@pytest.fixture
def site(engine: Engine, dashboard: tuple[ServedApp, Healthmgr, Live]) -> str:
    """Where it is."""
    return dashboard[0].url


Open = Callable[..., playwright.Page]


@pytest.fixture
def open_page(browser: playwright.Browser, site: str, healthmgr: Healthmgr) -> Iterator[Open]:
    """Opens a page signed in with a role (None: not signed in); faults in the browser fail the test."""
    faults: list[str] = []
    contexts = []

    def open_as(role: str | None = "responder", path: str = "/ui/", **options: object) -> playwright.Page:
        contexts.append(browser.new_context(**{"viewport": DESKTOP, **options}))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        if role is not None:
            token = healthmgr.tokens.ensure(f"{role}-token", role, None, healthmgr.now())
            page.goto(f"{site}/login#token={token}")
            page.wait_for_url("**/ui/")
        page.goto(site + path)
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def keep_picture() -> Callable[[playwright.Page, str], None]:
    """Keeps a picture of the page where HEALTHMGR_PICTURES names a folder: they are there to be looked at."""
    folder = os.environ.get("HEALTHMGR_PICTURES")

    def keep(page: playwright.Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return keep
