"""Whom a proxy names: the middleware and the guard over real sessions, around a page of one line."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.guarding import Guard
from healthmgr.dashboard.live import Live
from healthmgr.dashboard.proxies import Proxies, ProxyRules
from healthmgr.errors import SettingsError
from healthmgr.settings import Settings

PROXY, STRANGER = ("10.0.0.7", 4000), ("192.0.2.9", 4000)


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Says who is looking, from where, over what, and which headers are left."""
    place = scope["state"]["healthmgr.place"]
    left = [name.decode() for name, _ in scope["headers"] if name.startswith(b"x-")]
    said = f"{place.name} {place.session.role} {place.address} {scope['scheme']} {left}"
    await PlainTextResponse(said)(scope, receive, send)


class Browser:
    """Asks from an address, and keeps its cookies."""

    def __init__(self, app: ASGIApp, client: tuple[str, int]) -> None:
        self._transport = httpx.ASGITransport(app=app, client=client)
        self._cookies = httpx.Cookies()

    def ask(self, method: str, path: str, headers: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, path, headers))

    async def _ask(self, method: str, path: str, headers: Any) -> httpx.Response:
        address = "https://hm.example.com"
        async with httpx.AsyncClient(transport=self._transport, base_url=address, cookies=self._cookies) as client:
            answer = await client.request(method, path, headers=headers)
            self._cookies.update(client.cookies)
            return answer

    def get(self, path: str, headers: Any = None) -> httpx.Response:
        return self.ask("GET", path, headers)

    def post(self, path: str, headers: Any = None) -> httpx.Response:
        return self.ask("POST", path, headers)


def browser(healthmgr: Healthmgr, client: tuple[str, int], **over: Any) -> Browser:
    given = {
        "HEALTHMGR_PROXY_TRUSTED": "10.0.0.0/24", "HEALTHMGR_PROXY_USER_HEADER": "X-Forwarded-User",
        "HEALTHMGR_PROXY_ROLE_HEADER": "X-Role", **over,
    }  # fmt: skip
    rules = ProxyRules.of(Settings.load(given))
    app = Proxies(Guard(tell, healthmgr, Live()), rules)
    return Browser(app, client)


def test_whom_a_trusted_proxy_names_is_let_in_with_the_role_that_it_tells(healthmgr: Healthmgr) -> None:
    client = browser(healthmgr, PROXY)
    headers = {"X-Forwarded-User": "ada", "X-Role": "Responder", "X-Forwarded-For": "6.6.6.6, 198.51.100.3, 10.0.0.8"}
    answer = client.get("/ui/", headers=headers | {"X-Forwarded-Proto": "https"})
    assert answer.text == "ada responder 198.51.100.3 https []"
    assert "secure" in answer.headers["set-cookie"].lower()
    assert client.get("/ui/", headers={"X-Forwarded-User": "ada"}).text.startswith("ada viewer")
    (latest, *_) = healthmgr.sessions.list(healthmgr.now())
    assert (latest.name, latest.method) == ("ada", "proxy")


def test_the_headers_of_everybody_else_are_ignored(healthmgr: Healthmgr) -> None:
    headers = {"X-Forwarded-User": "ada", "X-Role": "admin", "X-Forwarded-For": "10.0.0.7"}
    answer = browser(healthmgr, STRANGER).get("/ui/", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/ui/")
    assert healthmgr.sessions.list(healthmgr.now()) == []


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-User", "ada"), ("X-Forwarded-User", "root")],
        [("X-Forwarded-User", " ")],
        [("X-Forwarded-User", "ada"), ("X-Role", "king")],
        [],
    ],
    ids=["two names", "no name", "no such role", "nothing"],
)
def test_what_a_proxy_does_not_tell_clearly_lets_nobody_in(
    healthmgr: Healthmgr, headers: list[tuple[str, str]]
) -> None:
    assert browser(healthmgr, PROXY).get("/ui/", headers=headers).status_code == 303


def test_without_a_header_that_is_named_nobody_is_let_in_by_one(healthmgr: Healthmgr) -> None:
    client = browser(healthmgr, PROXY, HEALTHMGR_PROXY_USER_HEADER="")
    assert client.get("/ui/", headers={"X-Forwarded-User": "ada"}).status_code == 303


def test_somebody_else_at_the_same_browser_is_somebody_else(healthmgr: Healthmgr) -> None:
    client = browser(healthmgr, PROXY)
    assert client.get("/ui/", headers={"X-Forwarded-User": "ada"}).text.startswith("ada viewer")
    assert client.get("/ui/", headers={"X-Forwarded-User": "bob"}).text.startswith("bob viewer")


def test_what_another_site_sends_to_a_page_is_refused(healthmgr: Healthmgr) -> None:
    headers = {"X-Forwarded-User": "ada", "Sec-Fetch-Site": "cross-site"}
    assert browser(healthmgr, PROXY).post("/ui/_nicegui", headers=headers).status_code == 403


def test_an_address_that_is_none_is_said() -> None:
    with pytest.raises(SettingsError, match="HEALTHMGR_PROXY_TRUSTED"):
        ProxyRules.of(Settings.load({"HEALTHMGR_PROXY_TRUSTED": "proxy.example.com"}))
