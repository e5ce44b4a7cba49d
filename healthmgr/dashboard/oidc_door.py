"""The two addresses of signing in by OpenID Connect: the way out to the provider, and the way back."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.signing_in import Door, inner, put_cookie
from healthmgr.errors import HealthmgrError, SettingsError
from healthmgr.services.sessions import Proof
from healthmgr.services.tokens import Principal
from healthmgr.settings import Settings

_STATE = "healthmgr_oidc"
_STATE_FOR = 600  # seconds


class Provider(Protocol):
    """Who signs people in."""

    def begin(self, wanted: str) -> tuple[str, str]:
        """Where to send somebody, and the state that their browser is to keep."""
        ...

    def finish(self, state: str, kept: str, code: str) -> tuple[Principal, str]:
        """Who came back, and where they wanted to go."""
        ...


def provider_of(settings: Settings) -> Provider | None:
    """The provider that the settings name; None where they name none. Raises SettingsError without the extra for it."""
    if not settings.oidc_issuer:
        return None
    try:
        module: Any = importlib.import_module("healthmgr.dashboard.oidc")
    except ModuleNotFoundError as error:
        raise SettingsError(
            "HEALTHMGR_OIDC_ISSUER is set, and Authlib is not installed: pip install 'healthmgr[oidc]'"
        ) from error
    found: Provider = module.Oidc(settings)
    return found


def oidc_router(healthmgr: Healthmgr, provider: Provider, door: Door) -> APIRouter:
    """The routes below `/login/oidc`."""
    router = APIRouter(include_in_schema=False)
    is_secure = healthmgr.settings.public_url.startswith("https://")

    @router.get("/login/oidc")
    def lead_out(next: str = "/ui/") -> Response:  # noqa: A002 - the usual name of the parameter
        try:
            address, state = provider.begin(inner(next))
        except HealthmgrError as error:
            return door(next, str(error), 502)
        answer = RedirectResponse(address, status_code=303)
        answer.set_cookie(
            _STATE, state, max_age=_STATE_FOR, httponly=True, samesite="lax", secure=is_secure, path="/login/oidc"
        )
        return answer

    @router.get("/login/oidc/done")
    def come_back(request: Request, state: str = "", code: str = "") -> Response:
        try:
            principal, wanted = provider.finish(state, request.cookies.get(_STATE, ""), code)
        except HealthmgrError as error:
            return door("", str(error), 401)
        key, _ = healthmgr.sessions.begin(principal, Proof("oidc"), healthmgr.now())
        answer = RedirectResponse(inner(wanted), status_code=303)
        put_cookie(answer, key, is_secure=is_secure)
        answer.delete_cookie(_STATE, path="/login/oidc")
        return answer

    return router
