"""Who is asking, and whether their role is enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from healthmgr.api.idempotency import hold_to_key
from healthmgr.api.limiting import hold_address, hold_to_budget
from healthmgr.api.parts import PartsDep
from healthmgr.errors import NotPermitted
from healthmgr.services.scopes import OF_EVERY_TOKEN, SCOPES, scope_for
from healthmgr.services.tokens import Principal, Role, digest

_bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="An access token (`hm_...`), made by `healthmgr tokens create`."
)


def principal_of(
    request: Request, parts: PartsDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """The bearer of the request's token; answers 401 when there is none, 429 when it is used too often."""
    if credentials is None:
        hold_address(request)
        raise _unauthorized(
            "This needs an access token: send `Authorization: Bearer hm_...`", 'Bearer realm="healthmgr"'
        )
    principal = parts.tokens.verify(credentials.credentials, parts.clock.now())
    if principal is None:
        hold_address(request)
        raise _unauthorized(
            "This access token is not known, was revoked or has expired",
            'Bearer realm="healthmgr", error="invalid_token"',
        )
    hold_to_budget(request, principal)
    hold_to_scopes(request, principal)
    return principal


def hold_to_scopes(request: Request, principal: Principal) -> None:
    """Raises NotPermitted where the token is held to scopes, and this request is in none of them.

    What each address needs stands in healthmgr.services.scopes.
    """
    if not principal.scopes or request.url.path == OF_EVERY_TOKEN:
        return
    needed = scope_for(request.method, request.url.path)
    if needed is not None and principal.may(needed):
        return
    allowed = ", ".join(sorted(principal.scopes))
    lacking = f"a token with the scope {needed}" if needed in SCOPES else "a token that is held to no scopes"
    raise NotPermitted(f"This needs {lacking}: {principal.name!r} is held to {allowed}")


def origin_of(request: Request) -> str:
    """Where an action comes from, for the audit log: this door, and the client's address."""
    return f"api {request.client.host}" if request.client else "api"


def _needs(role: Role) -> Callable[..., Awaitable[Principal]]:
    async def check(
        request: Request,
        parts: PartsDep,
        principal: Annotated[Principal, Depends(principal_of)],
        credentials: Annotated[HTTPAuthorizationCredentials, Depends(_bearer)],
    ) -> Principal:
        if not principal.role.includes(role):
            raise NotPermitted(
                f"This needs a token with the role {role.value}: {principal.name!r} has the role {principal.role.value}"
            )
        await hold_to_key(request, parts, digest(credentials.credentials))
        return principal

    return check


def _unauthorized(said: str, challenge: str) -> HTTPException:
    return HTTPException(401, said, headers={"WWW-Authenticate": challenge})


AnyToken = Annotated[Principal, Depends(principal_of)]
Viewer = Annotated[Principal, Depends(_needs(Role.VIEWER))]
Responder = Annotated[Principal, Depends(_needs(Role.RESPONDER))]
Admin = Annotated[Principal, Depends(_needs(Role.ADMIN))]
Ingest = Annotated[Principal, Depends(_needs(Role.INGEST))]
Origin = Annotated[str, Depends(origin_of)]
