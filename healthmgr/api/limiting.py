"""How many requests a minute are answered: by the role of a token, and by the address of those without one."""

from __future__ import annotations

import math
from typing import Any

from fastapi import HTTPException, Request
from starlette.requests import HTTPConnection

from healthmgr.services.tokens import Principal
from healthmgr.storage.shared_buckets import WINDOW, SharedBuckets

ADDRESS = "address"  # the kind of those who show no token, or none that is known
_HEADERS = "healthmgr.answer_headers"


def hold_to_budget(request: Request, principal: Principal) -> None:
    """Count this request; raises HTTPException(429) where the token's budget is used up."""
    _hold(request, principal.role.value, principal.name, f"the token {principal.name!r}")


def hold_address(request: Request) -> None:
    """Count a request that shows no valid token; raises HTTPException(429) where its address made too many."""
    address = request.client.host if request.client else ""
    _hold(request, ADDRESS, address, "this address and without a valid token")


def answer_headers(connection: HTTPConnection) -> dict[str, str]:
    """What the answer to this request has to have among its headers, whatever it will be; may be added to."""
    state: dict[str, Any] = connection.scope.setdefault("state", {})
    headers: dict[str, str] = state.setdefault(_HEADERS, {})
    return headers


def _hold(request: Request, kind: str, who: str, said: str) -> None:
    buckets: SharedBuckets = request.app.state.budgets
    taken = buckets.take_one(kind, who)
    if taken is None:
        return
    quota = buckets.quota(kind)
    headers = answer_headers(request)
    headers["ratelimit-policy"] = f'"{kind}";q={quota};w={WINDOW:.0f}'
    headers["ratelimit"] = f'"{kind}";r={taken.left};t={math.ceil(taken.full_after)}'
    if taken.too_early:
        raise HTTPException(
            429,
            f"Too many requests with {said}: {quota} a minute are answered",
            headers={"Retry-After": str(math.ceil(taken.too_early))},
        )
