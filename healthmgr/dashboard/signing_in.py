"""Signing in and out: plain forms, so that they work before anything else does."""

from __future__ import annotations

import base64
import hashlib
import math
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import Headers

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.shell import ROOT
from healthmgr.dashboard.templates import render
from healthmgr.rates import TokenBuckets
from healthmgr.services.sessions import LONGEST

COOKIE = "healthmgr_session"
# A hash takes 32 MiB while it is made: two at once are enough for people, and no feast for others.
_hashing = threading.BoundedSemaphore(2)
_ASSETS = Path(__file__).parent / "assets"
_STYLE = "".join((_ASSETS / name).read_text("utf-8") for name in ("tokens.css", "login.css"))
_SCRIPT = (_ASSETS / "login.js").read_text("utf-8")


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_hash(_STYLE)}",
        f"script-src {_hash(_SCRIPT)}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class Attempts:
    """How often it may be tried to sign in from one address, and by one name: what succeeds does not count."""

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._by_address = TokenBuckets(per_second=0.2, burst=20, tick=tick)
        self._by_name = TokenBuckets(per_second=1 / 30, burst=10, tick=tick)

    def take(self, address: str, name: str) -> float:
        """Take one try; 0, or how many seconds it is too early."""
        too_early = self._by_address.take(address)
        if too_early > 0 or not name:
            return too_early
        too_early = self._by_name.take(name)
        if too_early > 0:
            self._by_address.give_back(address)
        return too_early

    def give_back(self, address: str, name: str) -> None:
        """It was no try: somebody is in."""
        self._by_address.give_back(address)
        if name:
            self._by_name.give_back(name)


def put_cookie(answer: Response, key: str, *, is_secure: bool, lasts_for: timedelta = LONGEST) -> None:
    """Give the browser what it is known by: no script sees it, and no other site's forms send it."""
    answer.set_cookie(
        COOKIE, key, max_age=int(lasts_for.total_seconds()), httponly=True, samesite="lax", secure=is_secure, path="/"
    )


def _plain(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())


class Door:
    """The page of the door, and what was wrong with the last try."""

    def __init__(self, healthmgr: Healthmgr, has_provider: bool) -> None:
        self._healthmgr = healthmgr
        self._has_provider = has_provider

    def __call__(
        self, wanted: str, fault: str = "", status: int = 200, headers: Mapping[str, str] | None = None
    ) -> HTMLResponse:
        """The page."""
        has_users = any(user.is_enabled for user in self._healthmgr.users.list())
        page = render("login", fault=fault, next=inner(wanted), has_users=has_users, has_provider=self._has_provider)
        page = page.replace("/*STYLE*/", _STYLE, 1).replace("/*SCRIPT*/", _SCRIPT, 1)
        return HTMLResponse(page, status_code=status, headers={"Content-Security-Policy": _POLICY, **(headers or {})})


def signing_router(healthmgr: Healthmgr, door: Door) -> APIRouter:
    """The routes of `/login` and `/logout`."""
    router = APIRouter(include_in_schema=False)
    is_secure = healthmgr.settings.public_url.startswith("https://")
    attempts = Attempts()

    @router.get("/login")
    def show_door(next: str = ROOT + "/") -> HTMLResponse:  # noqa: A002 - the usual name of the parameter
        return door(next)

    @router.post("/login")
    def sign_in(
        request: Request,
        token: Annotated[str, Form(max_length=500)] = "",
        name: Annotated[str, Form(max_length=200)] = "",
        password: Annotated[str, Form(max_length=1000)] = "",
        next: Annotated[str, Form(max_length=2000)] = ROOT + "/",  # noqa: A002
    ) -> Response:
        if not comes_from_here(request):
            return door(next, "This form was sent from another site: sign in here", 403)
        address = request.client.host if request.client else ""
        taken = attempts.take(address, name)
        if taken > 0:
            said = f"Too many tries: try again in {math.ceil(taken)} seconds"
            return door(next, said, 429, {"Retry-After": str(math.ceil(taken))})
        now = healthmgr.now()
        if name or password:
            with _hashing:
                origin = f"dashboard {address}".strip()
                begun = healthmgr.sessions.sign_in_with_password(_plain(name), password, origin, now)
            fault = "Name or password are wrong"
        else:
            begun = healthmgr.sessions.sign_in_with_token(token, now)
            fault = "This token is not known, has expired, may only bring pings, or is held to scopes"
        if begun is None:
            return door(next, fault, 401)
        attempts.give_back(address, name)
        answer = RedirectResponse(inner(next), status_code=303)
        put_cookie(answer, begun[0], is_secure=is_secure or request.url.scheme == "https")
        return answer

    @router.post("/logout")
    def sign_out(request: Request) -> Response:
        if comes_from_here(request):
            healthmgr.sessions.sign_out(request.cookies.get(COOKIE, ""), healthmgr.now())
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return router


def login_address(wanted: str) -> str:
    """Where to sign in, and come back from."""
    return f"/login?next={quote(wanted, safe='/')}"


def inner(address: str) -> str:
    """The address where it lies within the dashboard, else the dashboard's first page: nobody is led elsewhere."""
    parts = urlsplit(address)
    is_inner = not parts.scheme and not parts.netloc and address.startswith(ROOT + "/") and "\\" not in address
    return address if is_inner and address.isprintable() else ROOT + "/"


def comes_from_here(request: Request) -> bool:
    """Whether a form was sent by a page of this very site, as browsers tell it."""
    return not is_foreign(request.headers)


def is_foreign(headers: Headers) -> bool:
    """Whether a page of another site sent this, as browsers tell it."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")
