"""Who gets into the dashboard: a session for pages and for their connections, and only from this site."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.live import Live
from healthmgr.dashboard.place import Place, put_place
from healthmgr.dashboard.proxies import named_by_proxy
from healthmgr.dashboard.shell import ROOT
from healthmgr.dashboard.signing_in import COOKIE, is_foreign, login_address, put_cookie
from healthmgr.services.sessions import Proof, Session
from healthmgr.services.tokens import Principal

# Vue compiles the templates of its components in the browser, and NiceGUI hands each page its start as a script of
# its own: neither works without these two. What is shown is escaped before it gets there (templates.py).
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_PROXY_SESSION = timedelta(hours=1)
_STATIC = (f"{ROOT}/_nicegui/", f"{ROOT}/assets/")


class Guard:
    """Lets in who has a session: others are sent to sign in, and their connections refused."""

    def __init__(self, app: ASGIApp, healthmgr: Healthmgr, live: Live) -> None:
        self._app = app
        self._healthmgr = healthmgr
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its place, or turn it away."""
        if scope["type"] not in ("http", "websocket") or not scope["path"].startswith(ROOT):
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith(_STATIC):  # the same for everybody, and nothing of ours is in it
            await self._app(scope, receive, _with_policy(send, scope))
            return
        headers = Headers(scope=scope)
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD") and is_foreign(headers):
            await PlainTextResponse("This was sent from another site", status_code=403)(scope, receive, send)
            return
        session, key = await self._session(headers), ""
        named = named_by_proxy(scope)
        if named is not None and (session is None or session.name != named.name or session.role is not named.role):
            session, key = (await self._begin(named)) if scope["type"] == "http" else (None, "")
        if session is not None and (scope["type"] == "http" or _is_same_origin(headers)):
            address = scope["client"][0] if scope.get("client") else ""
            put_place(scope, Place(self._healthmgr, self._live, session, address))
            await self._app(scope, receive, _with_policy(_with_cookie(send, key, scope), scope))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4401, "reason": "Sign in again"})
        else:
            query = scope.get("query_string", b"").decode("latin-1")
            wanted = f"{scope['path']}?{query}" if query else scope["path"]
            await RedirectResponse(login_address(wanted), status_code=303)(scope, receive, send)

    async def _begin(self, named: Principal) -> tuple[Session, str]:
        """A session for whom a proxy names; it is asked again after an hour at the latest."""
        sessions, now = self._healthmgr.sessions, self._healthmgr.now
        proof = Proof("proxy", lasts_for=_PROXY_SESSION)
        key, session = await asyncio.to_thread(lambda: sessions.begin(named, proof, now()))
        return session, key

    async def _session(self, headers: Headers) -> Session | None:
        cookies = SimpleCookie(headers.get("cookie", ""))
        key = cookies[COOKIE].value if COOKIE in cookies else ""
        if not key:
            return None
        return await asyncio.to_thread(lambda: self._healthmgr.sessions.find(key, self._healthmgr.now()))


def _is_same_origin(headers: Headers) -> bool:
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host", "")


def _with_cookie(send: Send, key: str, scope: Scope) -> Send:
    """What a session that was begun just now is known by, with the answer."""
    if not key:
        return send

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            told = Response()
            put_cookie(told, key, is_secure=scope.get("scheme") == "https", lasts_for=_PROXY_SESSION)
            MutableHeaders(scope=message).append("set-cookie", told.headers["set-cookie"])
        await send(message)

    return send_with_cookie


def _with_policy(send: Send, scope: Scope) -> Send:
    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = _POLICY
            headers["x-frame-options"] = "DENY"
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "no-referrer"
            if not scope["path"].startswith(_STATIC):
                headers["cache-control"] = "no-store"
        await send(message)

    return send_with_policy
