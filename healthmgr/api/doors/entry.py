"""Who may come in at a door, and how fast: tokens as a Bearer or as the password of basic authentication."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

from healthmgr.api.parts import PartsDep
from healthmgr.api.security import hold_to_scopes
from healthmgr.errors import NotPermitted
from healthmgr.rates import TokenBuckets
from healthmgr.services.tokens import Principal, Role

_bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="An access token (`hm_...`), made by `healthmgr tokens create`."
)
_basic = HTTPBasic(auto_error=False, scheme_name="password", description="An access token as the password.")


def identify(
    request: Request,
    parts: PartsDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    basic: Annotated[HTTPBasicCredentials | None, Depends(_basic)],
) -> Principal:
    """Whose token came with the request; 401 when none did."""
    token = bearer.credentials if bearer else basic.password if basic else ""
    principal = parts.tokens.verify(token, parts.clock.now())
    if principal is None:
        said = "This door needs an access token (`hm_...`): as a Bearer, or as the password of basic authentication"
        raise HTTPException(401, said, headers={"WWW-Authenticate": 'Basic realm="healthmgr", charset="UTF-8"'})
    hold_to_scopes(request, principal)
    return principal


def hold_to_rate(request: Request, principal: Principal) -> Principal:
    """The same, unless its token is used too often: 429 then, with how long to wait."""
    buckets: TokenBuckets = request.app.state.door_rates
    too_early = buckets.take(principal.name)
    if too_early > 0:
        said = f"Too many requests with the token {principal.name!r}"
        raise HTTPException(429, said, headers={"Retry-After": str(math.ceil(too_early))})
    return principal


def _needs(role: Role) -> Callable[[Request, Principal], Principal]:
    def check(request: Request, principal: Annotated[Principal, Depends(identify)]) -> Principal:
        if not principal.role.includes(role):
            raise NotPermitted(
                f"This needs a token with the role {role.value}: {principal.name!r} has the role {principal.role.value}"
            )
        return hold_to_rate(request, principal)

    return check


def _by_key(request: Request, parts: PartsDep, key: str) -> Principal:
    """The bearer of a token that is part of the address, as some programs want it."""
    principal = parts.tokens.verify(key, parts.clock.now())
    if principal is None or not principal.role.includes(Role.INGEST):
        raise HTTPException(401, "The key in the address is no access token (`hm_...`) that may bring alerts")
    hold_to_scopes(request, principal)
    return hold_to_rate(request, principal)


def _by_query(request: Request, parts: PartsDep, token: str = "") -> Principal:
    return _by_key(request, parts, token)


Brings = Annotated[Principal, Depends(_needs(Role.INGEST))]
KeyInPath = Annotated[Principal, Depends(_by_key)]
KeyInQuery = Annotated[Principal, Depends(_by_query)]
Looks = Annotated[Principal, Depends(_needs(Role.VIEWER))]
Answers = Annotated[Principal, Depends(_needs(Role.RESPONDER))]
