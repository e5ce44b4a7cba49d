"""Signing in and out: plain forms, so that they work before anything else does."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.shell import ROOT
from healthmgr.dashboard.templates import render
from healthmgr.services.sessions import LONGEST

COOKIE = "healthmgr_session"
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


def signing_router(healthmgr: Healthmgr) -> APIRouter:
    """The routes of `/login` and `/logout`."""
    router = APIRouter(include_in_schema=False)
    is_secure = healthmgr.settings.public_url.startswith("https://")

    @router.get("/login")
    def show_door(next: str = ROOT + "/") -> HTMLResponse:  # noqa: A002 - the usual name of the parameter
        return _door(next)

    @router.post("/login")
    def sign_in(
        request: Request,
        token: Annotated[str, Form(max_length=500)] = "",
        next: Annotated[str, Form(max_length=2000)] = ROOT + "/",  # noqa: A002
    ) -> Response:
        if not comes_from_here(request):
            return _door(next, "This form was sent from another site: sign in here", 403)
        begun = healthmgr.sessions.sign_in_with_token(token, healthmgr.now())
        if begun is None:
            return _door(next, "This token is not known, has expired, or may only bring pings", 401)
        key, _ = begun
        answer = RedirectResponse(inner(next), status_code=303)
        answer.set_cookie(
            COOKIE, key, max_age=int(LONGEST.total_seconds()), httponly=True, samesite="lax", secure=is_secure, path="/"
        )
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
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _door(wanted: str, fault: str = "", status: int = 200) -> HTMLResponse:
    page = render("login", fault=fault, next=inner(wanted))
    page = page.replace("/*STYLE*/", _STYLE, 1).replace("/*SCRIPT*/", _SCRIPT, 1)
    return HTMLResponse(page, status_code=status, headers={"Content-Security-Policy": _POLICY})
