"""Every page on a bad day and on a new installation: seen at both widths in both colours, judged by axe, and quiet."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from healthmgr.api.public import Keeper
from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.live import Live
from healthmgr.storage.database import connect
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.lively import Lively
from tests.emptying import empty
from tests.serving import ServedApp

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed")

_JUDGED = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "resultTypes": ["violations"],
    "preload": False,  # style sheets: it asks for those at wrong addresses
}
_FORMS = list(product((("desktop", DESKTOP), ("phone", PHONE)), ("light", "dark")))
_PICTURES = os.environ.get("HEALTHMGR_PICTURES", "")  # a folder
_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_AT_REST = "document.getAnimations().every((one) => one.playState !== 'running')"
# Numbers all that can be pressed or filled in and is to be seen; how many there are.
_NUMBERED = """() => {
  const acts = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
  return acts.filter((one) => one.checkVisibility()).map((one, number) => { one.dataset.number = number; }).length;
}"""
_FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  return [one.dataset.number, one === document.body || (style.outlineStyle !== 'none' && style.outlineWidth !== '0px')];
}"""

Page = Any
Act = Callable[[Page], None]


@dataclass(frozen=True)
class Sight:
    """Something to be seen: where, what shows that it is there, and what is pressed before."""

    name: str
    path: str
    there: str
    act: Act | None = None


def press(name: str) -> Act:
    """Press a button of this name, and wait for its dialog."""

    def act(page: Page) -> None:
        page.get_by_role("button", name=name, exact=True).first.click()
        page.get_by_role("dialog").wait_for()

    return act


def fill_matchers(page: Page) -> None:
    page.get_by_label("Matchers").fill("service=orders")
    page.locator(".hits p, .hits li").first.wait_for()


SIGHTS = [
    Sight("overview", "/ui/", "article.line"),
    Sight("overview-nothing", "/ui/?search=no-such-check", ".empty"),
    Sight("check", "/ui/checks/checkout?range=6h", ".picture canvas"),
    Sight("check-heartbeat", "/ui/checks/backup", ".hero"),
    Sight("incidents", "/ui/incidents", ".incident"),
    Sight("incident", "/ui/incidents/{incident}", ".hero"),
    Sight("incident-dialog", "/ui/incidents/{incident}", ".hero", press("Snooze")),
    Sight("incident-over", "/ui/incidents/{over}", ".hero"),
    Sight("oncall", "/ui/oncall", "article"),
    Sight("schedule", "/ui/oncall/shop", ".rota-bar"),
    Sight("schedule-dialog", "/ui/oncall/shop", ".rota-bar", press("Override")),
    Sight("people", "/ui/people", ".person"),
    Sight("simulate", "/ui/simulate?labels=service%3Dshop%2C+severity%3Dcritical", ".timeline, table"),
    Sight("silences", "/ui/silences", ".incident"),
    Sight("silences-foreseen", "/ui/silences", ".incident", fill_matchers),
    Sight("maintenance", "/ui/maintenance", ".incident"),
    Sight("runbooks", "/ui/runbooks", ".runbook"),
    Sight("runbook", "/ui/runbooks/restart-checkout", ".steps"),
    Sight("runs", "/ui/runs", ".incident, .run"),
    Sight("run", "/ui/runs/{run}", ".steps"),
    Sight("run-asks", "/ui/runs/{asking}", ".approval"),
    Sight("routes", "/ui/routes?labels=service%3Dshop%2C+severity%3Dcritical", ".route"),
    Sight("graph", "/ui/graph", ".node"),
    Sight("graph-played", "/ui/graph?check=edge", ".node"),
    Sight("workers", "/ui/workers", "table"),
    Sight("announcements", "/ui/announcements", ".incident"),
    Sight("audit", "/ui/audit", "table"),
    Sight("settings", "/ui/settings", "table"),
    Sight("settings-dialog", "/ui/settings", "table", press("New token")),
    Sight("fault", "/ui/incidents/4711", "[role=alert]"),
    Sight("login", "/login", "h1"),
    Sight("status", "/status", "h1"),
    Sight("answer", "/answer/{link}/silence", "button"),
]
EMPTY = [
    Sight(f"empty-{name}", f"/ui/{name}".replace("overview", ""), there)
    for name, there in {
        "overview": ".empty", "incidents": ".empty", "oncall": ".empty", "people": ".empty", "simulate": "form",
        "silences": ".empty", "maintenance": ".empty", "runbooks": ".empty", "runs": ".empty", "routes": "h1",
        "graph": ".empty", "workers": "h1", "announcements": ".empty", "audit": "table",
    }.items()
]  # fmt: skip


@dataclass
class Eye:
    """One browser's page for all sights, and what its console said meanwhile."""

    page: Page
    site: str
    said: list[str]

    def see(self, sight: Sight, lively: Lively | None) -> None:
        """Go there in each form; raises AssertionError for all that is wrong, at once."""
        self.said.clear()
        if lively is not None:
            lively.breathe()
        page = self.page
        page.set_viewport_size(DESKTOP)
        page.emulate_media(color_scheme="light")
        page.goto(self.site + sight.path.format_map(vars(lively) if lively else {}))
        page.locator(sight.there).first.wait_for()
        if sight.act is not None:
            sight.act(page)
        wrong: list[str] = []
        is_whole = lively is not None and sight.act is None
        for (size, viewport), scheme in _FORMS if is_whole or _PICTURES else _FORMS[::3]:
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(_AT_REST)
            form = f"{size}, {scheme}"
            if (wide := page.evaluate(_TOO_WIDE)) > 0:
                wrong.append(f"{form}: {wide} px too wide")
            wrong += [f"{form}: {fault}" for fault in self._judge()]
            self._keep(f"{sight.name}-{size}-{scheme}")
        if wrong or self.said:
            pytest.fail("\n".join([*wrong, *self.said]), pytrace=False)

    def _judge(self) -> Iterator[str]:
        page = self.page
        if not page.evaluate("Boolean(window.axe)"):
            page.evaluate(axe.AXE_SCRIPT)
        found = page.evaluate(f"axe.run(document, {json.dumps(_JUDGED)}).then((found) => found.violations)")
        for fault in found:
            for node in fault["nodes"]:
                words = node["failureSummary"].splitlines()[1].strip()
                yield f"{fault['id']} ({fault['impact']}): {node['html'][:160]}: {words}"

    def _keep(self, name: str) -> None:
        """A picture, to be looked at, where HEALTHMGR_PICTURES names a folder."""
        if _PICTURES:
            Path(_PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(_PICTURES) / f"{name}.png", full_page=True)


@pytest.fixture(scope="module")
def eye(browser: Any, dashboard: tuple[ServedApp, Healthmgr, Live]) -> Iterator[Eye]:
    """Signed in as an admin."""
    server = dashboard[0]
    server.app.state.public_keeper = Keeper(fresh_for=0)
    context = browser.new_context(
        viewport=DESKTOP, reduced_motion="reduce", locale="en-GB", timezone_id="Europe/Berlin"
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
    yield Eye(page, server.url, said)
    context.close()


def sign_in(eye: Eye, healthmgr: Healthmgr) -> None:
    """With tables that were emptied there is no session any more."""
    token = healthmgr.tokens.ensure("admin-token", "admin", None, healthmgr.now())
    eye.page.goto("about:blank")
    eye.page.goto(f"{eye.site}/login#token={token}")
    eye.page.wait_for_url("**/ui/")


@pytest.fixture(scope="module")
def lively(database_url: str, eye: Eye, dashboard: tuple[ServedApp, Healthmgr, Live]) -> Iterator[Lively]:
    engine = connect(database_url)
    with engine.begin() as connection:
        empty(connection)
    made = Lively(engine, dashboard[1])
    made.fill()
    dashboard[2].forget()
    sign_in(eye, dashboard[1])
    yield made
    engine.dispose()


@pytest.fixture(scope="module")
def nothing(database_url: str, eye: Eye, dashboard: tuple[ServedApp, Healthmgr, Live]) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        empty(connection)
    engine.dispose()
    dashboard[2].forget()
    sign_in(eye, dashboard[1])


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.name)
def test_a_page_on_a_bad_day(eye: Eye, lively: Lively, sight: Sight) -> None:
    eye.see(sight, lively)


def test_every_act_is_reached_by_keyboard(eye: Eye, lively: Lively) -> None:
    page = eye.page
    page.set_viewport_size(DESKTOP)
    page.goto(f"{eye.site}/ui/incidents/{lively.incident}")
    page.get_by_role("button", name="Snooze").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.goto(f"{eye.site}/ui/incidents/{lively.incident}")
    page.get_by_role("button", name="Snooze").wait_for()
    wanted = page.evaluate(_NUMBERED)
    reached = set()
    for _ in range(wanted + 1):
        page.keyboard.press("Tab")
        number, is_seen = page.evaluate(_FOCUSED)
        assert is_seen, f"no focus is seen on {page.evaluate('document.activeElement.outerHTML')[:200]}"
        reached.add(number)
    assert reached >= {str(number) for number in range(wanted)}


def test_a_dialog_keeps_the_focus_and_gives_it_back(eye: Eye, lively: Lively) -> None:
    page = eye.page
    page.set_viewport_size(DESKTOP)
    page.goto(f"{eye.site}/ui/incidents/{lively.incident}")
    page.get_by_role("button", name="Snooze").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Put it off")
    dialog.wait_for()
    for _ in range(8):
        page.keyboard.press("Tab")
        assert dialog.evaluate("(dialog) => dialog.contains(document.activeElement)")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    playwright.expect(page.get_by_role("button", name="Snooze")).to_be_focused()


def test_on_a_phone_the_other_pages_are_one_press_away(eye: Eye, lively: Lively) -> None:
    page = eye.page
    page.set_viewport_size(PHONE)
    page.goto(f"{eye.site}/ui/people")
    navigation = page.get_by_role("navigation", name="Pages", exact=True)
    playwright.expect(navigation.get_by_role("link", name="On-call")).to_have_attribute("aria-current", "true")
    playwright.expect(navigation.get_by_role("link", name="Settings")).to_be_hidden()
    navigation.get_by_role("button", name="More").click()
    playwright.expect(navigation.get_by_role("link", name="Settings")).to_be_visible()
    page.keyboard.press("Escape")
    playwright.expect(navigation.get_by_role("link", name="Settings")).to_be_hidden()


@pytest.mark.parametrize("sight", EMPTY, ids=lambda sight: sight.name)
def test_a_page_of_a_new_installation(eye: Eye, nothing: None, sight: Sight) -> None:
    eye.see(sight, None)
